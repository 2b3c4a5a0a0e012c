// The committed templates, and random ones, rendered here and by the real Jinja2: the text is the same, or the error,
// or the template is refused here. Whatever else differs is named here with its reason.

import assert from 'node:assert/strict';
import test from 'node:test';
import { readCorpus, renderHere, renderWithJinja, withFiles, type Outcome, type TemplateCase }
  from '../template-corpus.ts';
import { TemplateGenerator } from '../template-generator.ts';

const GENERATED = 1000;
const SEED = 20_260_101;
/** Part of all generated templates; more would mean that the generator tests refusals. */
const REFUSED_PART_MAX = 0.05;
const ALLOWED_PART_MAX = 0.01;
const CORPUS_REFUSED_MAX = 16;

interface Allowed {
  readonly why: string;
  readonly applies: (ours: Failed, theirs: Failed, template: string) => boolean;
}

/** Errors of the same class with another sentence, or of another one: what they are, and why. */
const ALLOWED: readonly Allowed[] = [
  {
    why: 'the number of arguments of a builtin is told in many ways, by version',
    applies: (ours, theirs) => ours.error === theirs.error && theirs.error === 'TypeError'
      && /argument/.test(ours.message) && /argument/.test(theirs.message),
  },
  {
    why: 'Jinja2 works out constants while it compiles: an undefined one fails before what stands before it',
    applies: (_, theirs, template) => theirs.error === 'UndefinedError' && /\b(and|or|not|if)\b/.test(template),
  },
  {
    why: "CPython makes text of each value of '%s' % (…) before it works out the next",
    applies: (_, theirs, template) => theirs.error === 'UndefinedError' && /'%[^']*' % \(/.test(template),
  },
];

type Failed = Extract<Outcome, { error: string }>;
type Verdict = 'same' | 'refused' | 'allowed' | 'different';

interface Compared {
  readonly counts: Record<Verdict, number>;
  readonly different: string[];
}

function verdictOf(ours: Outcome, theirs: Outcome, template: string): Verdict {
  if ('text' in ours) return 'text' in theirs && ours.text === theirs.text ? 'same' : 'different';
  if (ours.error === 'TemplateRefused' || ours.error === 'TemplateLimitReached') return 'refused';
  if ('text' in theirs) return 'different';
  const isSame = ours.error === theirs.error && ours.message === theirs.message
    && (ours.line ?? null) === (theirs.line ?? null);
  if (isSame) return 'same';
  return ALLOWED.some(({ applies }) => applies(ours, theirs, template)) ? 'allowed' : 'different';
}

async function compare(cases: readonly TemplateCase[]): Promise<Compared> {
  const counts: Compared['counts'] = { same: 0, refused: 0, allowed: 0, different: 0 };
  const different: string[] = [];
  const theirs = await renderWithJinja(cases);
  assert.equal(theirs.length, cases.length);
  cases.forEach((one, i) => {
    const [here, there] = [renderHere(one), theirs[i]];
    assert.ok(there);
    const verdict = verdictOf(here, there, one.template);
    counts[verdict] += 1;
    if (verdict === 'different') {
      different.push([one.name, one.template, one.context, `here:   ${JSON.stringify(here)}`,
        `Jinja2: ${JSON.stringify(there)}`].join('\n'));
    }
  });
  return { counts, different };
}

test('the committed templates render as with Jinja2, or fail as there', async (t) => {
  const corpus = await readCorpus();
  assert.ok(corpus.length >= 200, `${corpus.length} templates`);
  const { counts, different } = await withFiles(corpus, compare);
  t.diagnostic(`of ${corpus.length}: ${JSON.stringify(counts)}`);
  assert.deepEqual(different, []);
  assert.ok(counts.refused <= CORPUS_REFUSED_MAX, `${counts.refused} are refused`);
});

test('random templates render as with Jinja2, or fail as there, or are refused', async (t) => {
  const generator = new TemplateGenerator(SEED);
  const cases = Array.from({ length: GENERATED }, (_, i) => generator.next(`seed ${SEED}, template ${i}`));
  const { counts, different } = await compare(cases);
  t.diagnostic(`of ${GENERATED} from seed ${SEED}: ${JSON.stringify(counts)}`);
  assert.deepEqual(different, []);
  assert.ok(counts.allowed <= GENERATED * ALLOWED_PART_MAX, `${counts.allowed} fail with another sentence`);
  assert.ok(counts.refused <= GENERATED * REFUSED_PART_MAX, `${counts.refused} are refused`);
});
