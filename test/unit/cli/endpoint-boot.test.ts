// Units of systemd for endpoints.

import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  disabledText, disableOnBoot, enabledText, enableOnBoot, unitText, UnitNotWritten, type Unit,
} from '../../../src/cli/endpoint-boot.ts';
import { thisProcess } from '../../../src/common/holder.ts';
import { scratch } from '../../fakes/scratch.ts';

const UNIT: Unit = {
  name: 'my-ep', user: 'root', program: ['/opt/switchyard/bin/switchyard-endpoint'], configDirectory: undefined,
  detaches: false, environment: {},
};
const TEXT = `[Unit]
Description=Switchyard endpoint "my-ep"
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/switchyard/bin/switchyard-endpoint start my-ep
User=root
Type=simple
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`;

test('the unit is the documented one', () => {
  assert.equal(unitText(UNIT), TEXT);
});

test('what systemd would read in another way is written so that it does not', () => {
  const text = unitText({
    ...UNIT, name: '50%', program: ['/opt/my node', '/opt/"x"$HOME', 'endpoint'], configDirectory: '/srv/e p',
    detaches: true, environment: { SWITCHYARD_SERVICE_URL: 'https://c.example.org/a%20b' },
  });
  assert.match(text, /^Description=Switchyard endpoint "50%%"$/m);
  assert.ok(text.includes('\nExecStart="/opt/my node" "/opt/\\"x\\"$$HOME" endpoint start 50%% --config-dir "/srv/e p"'
    + ' --foreground\nEnvironment=SWITCHYARD_SERVICE_URL=https://c.example.org/a%%20b\nUser=root\n'), text);
});

test('enabled once, never over what is there, and disabled by whoever reads how', async () => {
  await using files = await scratch();
  const folder = { name: 'my-ep', path: files.at('my-ep') };
  await mkdir(folder.path);
  const units = files.at('units');
  const enable = async (name = 'my-ep') => await enableOnBoot({ ...folder, name }, UNIT, units);
  await assert.rejects(enable(), { message: /^Systemd not found\. On-boot persistence is currently only/ });
  await assert.rejects(disableOnBoot('my-ep', units), { message: /^Systemd not found/ });
  await mkdir(units);
  await assert.rejects(disableOnBoot('my-ep', units), {
    message: /^There does not appear to be an existing systemd unit for endpoint my-ep \(unit file .* not found\)$/,
  });
  await writeFile(`${folder.path}/daemon.pid`, JSON.stringify(thisProcess()));
  await assert.rejects(enable(), {
    message: 'Cannot enable on-boot persistence for an endpoint that is currently running. Stop endpoint my-ep and try'
      + ' again.',
  });
  await writeFile(`${folder.path}/daemon.pid`, JSON.stringify({ ...thisProcess(), started: '1' }));
  const unit = `${units}/switchyard-endpoint-my-ep.service`;
  assert.equal(enabledText(await enable()), `Systemd service installed at ${unit}. Run
	sudo systemctl enable switchyard-endpoint-my-ep --now
to enable the service and start the endpoint.
`);
  assert.deepEqual([await readFile(unit, 'utf8'), (await stat(unit)).mode & 0o777], [TEXT, 0o644]);
  await writeFile(unit, 'mine');
  await assert.rejects(enable(), {
    message: /^Cannot create systemd unit file - a file with the name .* already exists/,
  });
  assert.equal(await readFile(unit, 'utf8'), 'mine');
  assert.equal(disabledText(await disableOnBoot('my-ep', units)), `Run the following to disable on-boot-persistence:
	systemctl stop switchyard-endpoint-my-ep
	systemctl disable switchyard-endpoint-my-ep
	rm ${unit}
`);
  // To systemd an @ makes it a pattern, and others are no letters of a unit's name.
  for (const name of ['a@b', 'été', 'a$b']) await assert.rejects(enable(name), { message: /cannot be the name of a/ });
});

test('whoever may not write the unit gets to see it', async () => {
  await using files = await scratch();
  await writeFile(files.at('units'), '');
  const folder = { name: 'my-ep', path: files.path };
  await assert.rejects(enableOnBoot(folder, UNIT, files.at('units')), (error: unknown) => {
    assert.ok(error instanceof UnitNotWritten);
    assert.equal(error.text, TEXT);
    assert.match(error.message, /^Unable to create systemd unit file .*\(Do you need to be root\?\)$/);
    return true;
  });
});
