import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { rootLog } from '../../../src/common/log.ts';
import { loadIdentityMap, openIdentityMap, type IdentityMap } from '../../../src/supervisor/identity-map.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { scratch } from '../../fakes/scratch.ts';

const POLL_MS = 5_000;
const ALICE = { id: 'a1', username: 'alice@one.edu', status: 'used' };

class Site implements AsyncDisposable {
  readonly path: string;
  readonly clock = new FakeClock();
  readonly stop = new AbortController();
  readonly #logPath: string;
  readonly #files: Awaited<ReturnType<typeof scratch>>;
  map: IdentityMap | undefined;

  private constructor(files: Awaited<ReturnType<typeof scratch>>) {
    this.#files = files;
    this.path = files.at('map.json');
    this.#logPath = files.at('log');
  }

  static async make(): Promise<Site> {
    const site = new Site(await scratch());
    await writeFile(site.path, mapTo('first'));
    return site;
  }

  async open(): Promise<IdentityMap> {
    const log = rootLog('map', { level: 'info', path: this.#logPath });
    this.map = await openIdentityMap(this.path, { endpointId: 'e', log, clock: this.clock, signal: this.stop.signal });
    return this.map;
  }

  /** Who Alice is after the next look at the file. */
  async next(): Promise<string | undefined> {
    await this.clock.advance(POLL_MS);
    // The clock does not wait for the file system: this is the end of the look that it began.
    await this.map?.refresh();
    return (await this.map?.lookup([ALICE]))?.chosen?.localName;
  }

  /** What was logged since it was asked last. */
  said(): string[] {
    const lines = readFileSync(this.#logPath, 'utf8').split('\n').filter((line) => line !== '');
    return lines.slice(this.#read, this.#read = lines.length).map((line) => (JSON.parse(line) as { msg: string }).msg);
  }

  #read = 0;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.map?.close();
    await this.#files[Symbol.asyncDispose]();
  }
}

function mapTo(output: string): string {
  const mappings = [{ source: '{username}', match: '.*', output }];
  return JSON.stringify([{ DATA_TYPE: 'expression_identity_mapping#1.0.0', mappings }]);
}

test('a file that changes is read again, whichever way it was written', async () => {
  await using site = await Site.make();
  const changes: string[] = [];
  (await site.open()).watch(() => changes.push('changed'));
  assert.equal(await site.next(), 'first');
  await writeFile(site.path, mapTo('second'));
  assert.equal(await site.next(), 'second');
  assert.deepEqual(changes, ['changed'], 'who runs is asked about again');
  await writeFile(`${site.path}.new`, mapTo('fourth'));
  await rename(`${site.path}.new`, site.path);
  assert.equal(await site.next(), 'fourth');
  const reread = `Identity mapping configuration change detected; rereading: ${site.path}`;
  assert.deepEqual(site.said(), [reread, reread]);
});

test('an edit that cannot be used leaves the map as it was, and is told once', async () => {
  await using site = await Site.make();
  await site.open();
  for (const broken of ['[{', mapTo('x').replace('.*', '('), '{"a": 1}']) {
    await writeFile(site.path, broken);
    assert.equal(await site.next(), 'first');
    assert.equal(await site.next(), 'first');
    const [change, error, ...more] = site.said();
    assert.match(change ?? '', /change detected/);
    const [first = '', ...others] = (error ?? '').split('\n');
    assert.match(first, /^Unable to update identity configuration -- \((JSONDecode|InvalidMapping)Error\) ./);
    assert.deepEqual(others, [
      `  Identity configuration path: ${site.path}`, '  The configuration before it stays in use.',
    ]);
    assert.deepEqual(more, []);
  }
  await writeFile(site.path, mapTo('mended'));
  assert.equal(await site.next(), 'mended');
});

test('a file that goes away is told once, and another that comes in its place is read', async () => {
  await using site = await Site.make();
  await site.open();
  const { atime, mtime } = await stat(site.path);
  await unlink(site.path);
  for (let i = 0; i < 3; i++) assert.equal(await site.next(), 'first');
  const [error, ...more] = site.said();
  assert.match(error ?? '', /^Unable to update identity configuration -- \(FileNotFoundError\) No such file/);
  assert.deepEqual(more, []);
  await mkdir(site.path);
  assert.equal(await site.next(), 'first');
  assert.match(site.said().join(), /\(OSError\) it is not a regular file/);
  await rm(site.path, { recursive: true });
  await writeFile(site.path, mapTo('other'));
  await utimes(site.path, atime, mtime);
  assert.equal(await site.next(), 'other');
});

test('a file that anybody may write to decides nothing', async () => {
  await using site = await Site.make();
  await site.open();
  await writeFile(site.path, mapTo('root'));
  await chmod(site.path, 0o666);
  assert.equal(await site.next(), 'first');
  assert.match(site.said().join('\n'), /anybody may write to it, and so decide who is whom; chmod o-w it/);
  await assert.rejects(site.open(), { details: { path: site.path, exitStatus: 78 } });
});

test('a map that cannot be read at the start is refused with the field\'s sentence and status', async () => {
  await using site = await Site.make();
  const refused = async (message: RegExp, exitStatus: number): Promise<void> => {
    await assert.rejects(site.open(), { code: 'CONFIG_INVALID', message, details: { path: site.path, exitStatus } });
  };
  await writeFile(site.path, '[');
  await refused(/^\(JSONDecodeError\) .* -- Unable to read identity mapping configuration from: .*map\.json$/, 78);
  await writeFile(site.path, '[{"DATA_TYPE": "x#1"}]');
  await refused(/^\(InvalidMappingError\) No identity mapper found for: x#1.* \(index: 0\) -- Unable to read/, 78);
  await unlink(site.path);
  await refused(/^\(FileNotFoundError\) No such file -- Unable to read/, 78);
});

test('a map that may not be read is refused with another status', async () => {
  await using site = await Site.make();
  await chmod(site.path, 0);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534); // root may read everything
  try {
    const message = /^\(PermissionError\) Permission denied -- Unable to read identity mapping configuration from: /;
    await assert.rejects(loadIdentityMap(site.path, 'e'), { message, details: { path: site.path, exitStatus: 77 } });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test('mappers are asked in their order, and a command only as long as nothing matches', async () => {
  await using site = await Site.make();
  const marker = `${site.path}.asked`;
  const expression = JSON.parse(mapTo('x')) as object[];
  const external = (...command: string[]): object => ({ DATA_TYPE: 'external_identity_mapping#1.0.0', command });
  const answer = '{"result": [{"id": "a1", "output": "y"}]}';
  await writeFile(site.path, JSON.stringify([
    external('/bin/false', 'word'), external('/bin/sh', '-c', 'echo "$0"', answer), ...expression,
    external('/usr/bin/touch', marker),
  ]));
  const found = await (await site.open()).lookup([ALICE]);
  assert.deepEqual(found.candidates.map(({ localName }) => localName), ['y', 'x']);
  assert.match(found.chosen?.rule ?? '', /^mapper 2 of 4 \(external\), command \/bin\/sh -c /);
  assert.match(site.said().join(),
    /^Identity mapper 1 \[of 4\] \(ExternalIdentityMapping\) failed -- .*\n {2}exit code: 1/);
  await assert.rejects(stat(marker), { code: 'ENOENT' });
});

test('a map that is closed, or whose owner ends, looks at its file no more, and ends its commands', async () => {
  await using site = await Site.make();
  await writeFile(site.path, JSON.stringify([
    { DATA_TYPE: 'external_identity_mapping#1.0.0', command: ['/bin/sleep', '60'] },
  ]));
  const map = await site.open();
  const asked = map.lookup([ALICE]);
  await map.close();
  await map.close();
  assert.equal((await asked).chosen, undefined);
  site.said();
  await unlink(site.path);
  await site.clock.advance(POLL_MS);
  assert.deepEqual(site.said().filter((line) => /update/.test(line)), []);
});
