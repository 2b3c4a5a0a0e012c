import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { endpointDirectory, ownLog, wrongName } from '../../../src/endpoint/user-home.ts';
import { scratch } from '../../fakes/scratch.ts';

const UID = process.getuid?.() ?? -1;
const OTHER = 54_321;
const NAME = 'uep.7ae2b1f4-0000-4000-8000-000000000001.7ae2b1f4-0000-4000-8000-000000000002';

async function atHome(use: (home: string, directory: string) => void): Promise<void> {
  await using files = await scratch();
  const home = files.at('home');
  mkdirSync(home, { mode: 0o700 });
  use(home, join(home, '.switchyard/endpoints', NAME));
}

function made(home: string, environment = {}, name = NAME): string {
  return endpointDirectory({ name, uid: UID, environment: { HOME: home, ...environment } });
}

function refused(step: number, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ComputeError, String(error));
    assert.equal(error.details['step'], step, error.message);
    assert.match(error.message, pattern);
    return true;
  };
}

suite('the directory of a user endpoint', () => {
  test('is made in the user\'s home, for him alone, and found again', async () => {
    await atHome((home, directory) => {
      const before = process.umask(0);
      assert.equal(made(home), directory);
      process.umask(before);
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      chmodSync(directory, 0o755);
      assert.equal(made(home), directory);
      assert.equal(statSync(directory).mode & 0o777, 0o700);
    });
  });

  test('is where the administrator says, if he does', async () => {
    await atHome((home) => {
      for (const name of ['SWITCHYARD_USER_DIR', 'GLOBUS_COMPUTE_USER_DIR']) {
        assert.equal(made('/nowhere', { [name]: join(home, name) }), join(home, name, NAME));
      }
    });
  });

  test('may be reached by the user\'s own links, but is none', async () => {
    await atHome((home, directory) => {
      mkdirSync(join(home, 'large'));
      symlinkSync(join(home, 'large'), join(home, '.switchyard'));
      assert.equal(made(home), directory);
      symlinkSync(join(home, 'large'), join(home, '.switchyard/endpoints/other'));
      assert.throws(() => made(home, {}, 'other'), refused(78, /other is a link and not a directory/));
    });
  });

  test('is refused where a home is missing, is a file, or is somebody else\'s', async () => {
    await atHome((home) => {
      assert.throws(() => made(join(home, 'none')), refused(78, /home directory cannot be used .*no such file/));
      assert.throws(() => made(''), refused(78, /HOME is not set/));
      writeFileSync(join(home, 'file'), '');
      assert.throws(() => made(join(home, 'file')), refused(78, /is not a directory/));
      chownSync(home, OTHER, OTHER);
      assert.throws(() => made(home), refused(78, /home directory is not the user's .*owner is uid 54321/));
    });
  });

  test('is refused where others could change what is in it', async () => {
    await atHome((home, directory) => {
      mkdirSync(directory, { recursive: true });
      chownSync(directory, OTHER, OTHER);
      assert.throws(() => made(home), refused(78, /is not the user's/));
      chownSync(directory, UID, 0);
      chmodSync(home, 0o777);
      assert.throws(() => made(home), refused(78, /can be written by everybody/));
    });
    await atHome((home) => {
      mkdirSync(join(home, '.switchyard'));
      chownSync(join(home, '.switchyard'), OTHER, OTHER);
      assert.throws(() => made(home), refused(78, /\.switchyard is not the user's/));
      writeFileSync(join(home, 'file'), '');
      assert.throws(() => made(home, { SWITCHYARD_USER_DIR: join(home, 'file') }), refused(78, /is not a directory/));
    });
  });

  test('has a name of one directory', async () => {
    await atHome((home) => {
      const names = ['', '..', '.', '../x', 'a/b', 'a b', 'a\nb', 'a\0b', '-rf', '.hidden', "a'b", 'x'.repeat(129)];
      for (const name of names) {
        assert.notEqual(wrongName(name), undefined, name);
        assert.throws(() => made(home, {}, name), refused(78, /^Invalid endpoint name: /));
      }
    });
    assert.equal(wrongName(NAME), undefined);
  });
});

suite('the log of a user endpoint', () => {
  test('is the user\'s own file', async () => {
    await atHome((home) => {
      const log = join(home, 'endpoint.log');
      ownLog(log, UID);
      assert.equal(statSync(log).mode & 0o777, 0o600);
      ownLog(log, UID);
    });
  });

  test('is never what somebody has put in its place', async () => {
    const planted: readonly (readonly [(log: string, home: string) => void, RegExp])[] = [
      [(log) => symlinkSync('/etc/motd', log), /it is a link/],
      [(log, home) => symlinkSync(join(home, 'not there'), log), /it is a link/],
      [(log) => { execFileSync('mkfifo', [log]); }, /it is a pipe/],
      [(log) => mkdirSync(log), /it is a directory/],
      [(log, home) => { writeFileSync(join(home, 'x'), ''); linkSync(join(home, 'x'), log); }, /more names than this/],
      [(log) => { writeFileSync(log, ''); chownSync(log, OTHER, OTHER); }, /its owner is uid 54321/],
    ];
    for (const [plant, why] of planted) {
      await atHome((home) => {
        const log = join(home, 'endpoint.log');
        plant(log, home);
        assert.throws(() => ownLog(log, UID), refused(83, why));
      });
    }
  });
});
