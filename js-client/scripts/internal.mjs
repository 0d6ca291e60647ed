// Properties that nobody outside the client has to do with: in the bundle their names are shorter.
//
// None of them is a name of the wire, of a browser, or of what an application sees: `build` refuses one that is
// in the types that we publish.
export const internal = `
  about apply ask candidate cannotPass carrier changed closing compared depthLeft detach expiresAt feed fieldsOf forget
  framesToSend generation hasKey heard held isAsItCame isAwaited isBehind isCancel isCarried isClosed isCurrent
  isMisread isMoving isSilent keyOf lay lift line loads merged nextDeadline nextMs nodesLeft notSent openMs openedAt
  predictions refetch refresh renew rewind sendHead settle settled show tell wants
`
  .trim()
  .split(/\s+/)
