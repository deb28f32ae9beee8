/** Asked any number of times in one turn of the event loop, it calls once after it: what came in that turn goes together. */
export function afterTurn(call: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setImmediate(() => {
      asked = false;
      call();
    });
  };
}
