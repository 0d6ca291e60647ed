// Properties that nobody outside the client has to do with: in the bundle their names are shorter.
//
// None of them is a name of the wire, of a browser, or of what an application sees: `build` refuses one that is
// in the types that we publish.
export const internal = `
  about action apply ask candidate cannotPass carrier change changed closing compared count depthLeft detach envelope
  events expiresAt feed fieldsOf flush forget frame framesToSend generation hasKey heard held hello index isAsItCame
  isAwaited isBehind isBuffered isCarried isClosed isCurrent isMisread isMoving isOver keyOf kind lay leave lift line
  loads lost merged nextDeadline nextMs nodesLeft notSent number path pending predictions quickEnds receive refetch
  refresh renew renumber rewind sendHead serial settle settled show stay stopTimer take tick timer wants watch welcome
`
  .trim()
  .split(/\s+/)
