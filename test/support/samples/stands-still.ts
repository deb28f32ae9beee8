it('has nothing open when the process stands still', () => {
  process.once('beforeExit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
