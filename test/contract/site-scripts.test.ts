// What the scheduler is asked for by the site files, against Parsl's own providers with the same keys.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec } from '../../src/common/exec.ts';
import { isMapping } from '../../src/common/schema.ts';
import { pythonVenv } from '../python-venv.ts';
import { readSite, scriptOf, siteDocument, SITES } from '../site-files.ts';

const SCRIPT = `
import json, os, sys, tempfile
import parsl.launchers, parsl.providers
answers = {}
for name, keys in json.load(sys.stdin).items():
    launcher = keys.pop("launcher")
    keys["launcher"] = getattr(parsl.launchers, launcher.pop("type"))(**launcher)
    provider = getattr(parsl.providers, keys.pop("type"))(**keys)
    with tempfile.TemporaryDirectory() as directory:
        provider.script_dir = directory
        commands = []
        def execute_wait(command, timeout=None):
            commands.append(command)
            return 0, "Submitted batch job 1", ""
        provider.execute_wait = execute_wait
        provider.submit("MANAGER", 1, "job")
        text = "".join(open(os.path.join(directory, file)).read() for file in os.listdir(directory))
    answers[name] = {"text": text, "command": commands[-1]}
json.dump(answers, sys.stdout)
`;

/** What says who the job is, and what a block here always asks for: a name, files, not to come back by itself. */
const OWN = /^(job-name|chdir|output|error|no-requeue|no-kill|S |m |r |N |o |e )/;

/** The options, each in one spelling and in alphabetical order. */
function optionsOf(script: string): string[] {
  return [...script.matchAll(/^#(?:SBATCH|PBS) --?(.*)$/gm)].map(([, option = '']) => option)
    .filter((option) => !OWN.test(option))
    .map((option) => option.replace(/^mem=(\d+)g$/, 'mem=$1G')
      .replace(/^time=(\d+)$/, (_, minutes: string) => `time=00:${minutes.padStart(2, '0')}:00`)).sort();
}

/** The keys as Parsl takes them: only texts are walltimes to it, and what is empty is left out. */
function keysOf(name: string): Record<string, unknown> {
  const document = siteDocument(name);
  const engine = isMapping(document) ? document['engine'] : undefined;
  const provider = isMapping(engine) ? engine['provider'] : undefined;
  assert.ok(isMapping(provider));
  const { walltime = '00:10:00', ...keys } = provider;
  const given = Object.entries({ ...keys, walltime: walltime === 3600 ? '01:00:00' : walltime });
  return Object.fromEntries(given.filter(([, value]) => value !== null));
}

test('schedulers are asked by each site file for what Parsl asks them for', async () => {
  const names = SITES.filter((name) => /Slurm|PBS/.test(readSite(name).engine.provider.type));
  assert.ok(names.length > 14);
  const { python } = await pythonVenv();
  const input = JSON.stringify(Object.fromEntries(names.map((name) => [name, keysOf(name)])));
  const { code, stdout, stderr } = await exec([python, '-c', SCRIPT], { timeoutMs: 60_000, input });
  assert.equal(code, 0, stderr);
  const answers = JSON.parse(stdout) as Record<string, { text: string; command: string }>;
  for (const name of names) {
    const { text = '', command = '' } = answers[name] ?? {};
    // PBS's queue and account are on its command line there.
    const onCommandLine = [...command.matchAll(/ -([qA] \S+)/g)].map(([, option = '']) => option);
    const script = scriptOf(readSite(name));
    assert.deepEqual(optionsOf(script), [...optionsOf(text), ...onCommandLine].sort(), name);
    for (const [line] of text.matchAll(/^export PARSL_.*$/gm)) assert.ok(script.includes(line), line);
  }
});
