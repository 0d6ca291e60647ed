// Properties that nobody outside the client has to do with: in the bundle their names are shorter.
//
// None of them is a name of the wire, of a browser, or of what an application sees: `build` refuses one that is
// in the types that we publish.
export const internal = `
  candidate carrier closing depthLeft detach expiresAt feed forget framesToSend generation heard isAsItCame isAwaited
  isCancel isCarried isClosed isMoving isSilent nextDeadline nextMs nodesLeft notSent openMs openedAt
  renew rewind sendHead settled
`
  .trim()
  .split(/\s+/)
