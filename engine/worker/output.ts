// What an interpreter and the tasks in it print: passed on to the manager's own standard error, which is the block's,
// up to a bound; and the end of its standard error kept, for whoever has to say how the interpreter ended.

const PASSED_BYTES_MAX = 1024 * 1024;
const TAIL_BYTES = 2048;

export class Output {
  #passed = 0;
  #tail = Buffer.alloc(0);

  follow(stdout: NodeJS.ReadableStream | null, stderr: NodeJS.ReadableStream | null): void {
    stdout?.on('data', (chunk: Buffer) => this.#pass(chunk));
    stderr?.on('data', (chunk: Buffer) => {
      const recent = Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]);
      this.#tail = Buffer.from(recent.subarray(-TAIL_BYTES));
      this.#pass(chunk);
    });
  }

  /** The last that was written as an error, without empty lines at its ends. */
  tail(): string {
    return this.#tail.toString('utf8').trim();
  }

  #pass(chunk: Buffer): void {
    if (this.#passed >= PASSED_BYTES_MAX) return;
    const passed = chunk.subarray(0, PASSED_BYTES_MAX - this.#passed);
    this.#passed += passed.length;
    process.stderr.write(passed);
    if (this.#passed >= PASSED_BYTES_MAX) process.stderr.write('\n(what Python tasks print from here on is dropped)\n');
  }
}
