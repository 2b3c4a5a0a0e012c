// The field's own library of identity mappings, asked about many rules at once in one Python process.

import { exec } from '../../src/common/exec.ts';
import { pythonVenv } from '../python-venv.ts';

export interface RuleCase {
  readonly match: string;
  readonly output?: string;
  readonly source?: string;
  readonly ignore_case?: boolean;
  readonly literal?: boolean;
  readonly identity: Readonly<Record<string, unknown>>;
}

/** A name, null for no match, or why the rule cannot be loaded or applied. */
export type Answer = string | null | { readonly refused: string } | { readonly failed: string };

const SCRIPT = `
import json, sys, warnings
warnings.simplefilter("ignore")
from globus_identity_mapping.mappers.expression import ExpressionIdentityMapping
answers = []
for case in json.load(sys.stdin):
    identity = case.pop("identity")
    document = {"DATA_TYPE": "expression_identity_mapping#1.0.0", "mappings": [case]}
    try:
        mapper = ExpressionIdentityMapping.from_mapping_document(document)
    except Exception as e:
        answers.append({"refused": str(e)})
        continue
    try:
        names = [n for found in mapper.map_identities([identity]) for ns in found.values() for n in ns]
        answers.append(names[0] if names else None)
    except Exception as e:
        answers.append({"failed": "(" + type(e).__name__ + ") " + str(e)})
json.dump(answers, sys.stdout)
`;

export async function askOracle(cases: readonly RuleCase[]): Promise<readonly Answer[]> {
  const { python } = await pythonVenv();
  const input = JSON.stringify(cases.map(completed));
  const { code, stdout, stderr } = await exec([python, '-c', SCRIPT], { timeoutMs: 60_000, input });
  if (code !== 0) throw new Error(`globus_identity_mapping of globus-compute-endpoint could not be asked:\n${stderr}`);
  return JSON.parse(stdout) as Answer[]; // the script writes nothing else
}

/** With what most cases have in common. */
export function completed({ source = '{username}', output = 'm', identity, ...rest }: RuleCase): RuleCase {
  return { source, output, ...rest, identity: { id: 'a1', status: 'used', ...identity } };
}
