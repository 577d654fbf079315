import { describe, expect, it } from 'vitest';
import { GITHUB_REPOSITORY } from '../../infra/access/github-subjects.ts';
import { withSection } from '../../scripts/marked-section.ts';
import { exitCodesTable } from '../../scripts/write-exit-codes.ts';
import { blocksIn, filesLike, parseYaml, read, yamlIn } from './markdown.ts';

const PAGE = 'docs/ci.md';
const action = parseYaml(read('action.yml'));

it('the exit codes of docs/ci.md are those of the code: `npm run docs` writes them', () => {
  const page = read(PAGE);
  expect(page).toBe(withSection(page, 'exit-codes', exitCodesTable()));
});

describe('docs/ci.md', () => {
  it('has a workflow that uses the action as it is, with the token that the role needs', () => {
    const [workflow] = yamlIn(PAGE).filter(({ jobs }) => jobs !== undefined);
    const { steps } = workflow.jobs.drop;
    const inputs = steps.find(({ uses = '' }) => uses.includes('/streampixel-drop@')).with;
    for (const input of Object.keys(inputs)) expect(Object.keys(action.inputs)).toContain(input);
    for (const [input, { required }] of Object.entries<{ required?: boolean }>(action.inputs)) {
      if (required === true) expect(inputs).toHaveProperty(input);
    }
    expect(workflow.permissions['id-token']).toBe('write');
  });

  it('names every input and output of the action', () => {
    for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)])
      expect(read(PAGE)).toContain(`\`${name}\``);
  });

  it('shows repositories as the setting takes them', () => {
    const shown = [...read(PAGE).matchAll(/[`"](studio[@/][^`"]*)[`"]/g)].map(([, repository = '']) => repository);
    expect(shown.length).toBeGreaterThan(3);
    for (const repository of shown) expect(repository).toMatch(GITHUB_REPOSITORY);
  });

  it('has JSON that can be read', () => {
    const [setting, trust] = blocksIn(PAGE, 'json');
    expect(JSON.parse(`{${setting}}`)).toHaveProperty('githubRepositories');
    expect(JSON.parse(trust ?? '')).toHaveProperty('Statement');
  });

  it('needs neither bash nor anything else of Unix on a Windows machine, and looks at each exit code there', () => {
    const [script = ''] = blocksIn(PAGE, 'powershell');
    const [jenkinsfile = ''] = blocksIn(PAGE, 'groovy');
    for (const text of [script, jenkinsfile]) {
      expect(text).not.toMatch(/\b(bash|export|sed|grep|cat)\b|\/dev\/null|&&|\|\|/);
      // Brackets in pairs: there is no PowerShell or Groovy here that could parse them.
      for (const [open = '', close = ''] of ['()', '{}'])
        expect(text.split(open)).toHaveLength(text.split(close).length);
    }
    // Programs: p4 twice, RunUAT, npx. The change's number is only a label.
    expect(script.match(/^(p4|&|npx) /gm)).toHaveLength(3);
    expect(script.match(/^(Assert-Done|\$code = \$LASTEXITCODE)/gm)).toHaveLength(3);
  });
});

it('npm scripts run in cmd too: no bash, and nothing of its syntax', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const script of Object.values(scripts)) {
    expect(script).not.toMatch(/\b(bash|sh|rm|cp|mv|mkdir|export|test)\b (?!-)|\[ |\$|'|;|^\w+=/);
  }
});

it.each(filesLike('.github/workflows/*.yml'))(
  '%s is YAML, and no text of others becomes part of its scripts',
  (file) => {
    const { jobs } = parseYaml(read(file)) as { jobs: Record<string, { steps: { run?: string }[] }> };
    for (const { run = '' } of Object.values(jobs).flatMap(({ steps }) => steps)) {
      expect(run).not.toMatch(/\$\{\{ *(github|inputs|steps|env)\./);
    }
  },
);
