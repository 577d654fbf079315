import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { readFlags } from '../../local/start/flags.ts';
import { synthesized } from '../infra/synthesized.ts';
import { blocksIn, DOCUMENTS, read } from './markdown.ts';

const TOOL = /npx --no streampixel-drop ([^`\n#]+)/g;
const commandsIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, line = '']) => line.trim());

const documents = DOCUMENTS.map(read).join('\n');
const inDocuments = commandsIn(documents, TOOL);
const inAlerts = Object.keys(REASONS).flatMap((reason) =>
  commandsIn(operatorCommands({}).after(reason as Reason, { reasons: [reason] }), TOOL),
);
const inAlarms = synthesized()
  .ofType('AWS::CloudWatch::Alarm')
  .flatMap(({ Properties }) => commandsIn(String(Properties.AlarmDescription), TOOL));

describe('a command that people shall run', () => {
  it.each([...new Set([...inDocuments, ...inAlerts, ...inAlarms])])('is one that the tool takes: %s', (line) => {
    const words = line.split(/\s+/);
    let command = createProgram(() => {});
    for (let inner: Command | undefined = command; inner !== undefined; ) {
      command = inner;
      inner = command.commands.find((candidate) => candidate.name() === words[0]);
      if (inner !== undefined) words.shift();
    }

    // Throws where a value is missing, or not one of those that there are.
    // The root's options may stand behind a command's.
    const { operands, unknown } = command.parseOptions(words);
    expect(createProgram(() => {}).parseOptions(unknown).unknown).toEqual([]);
    const { registeredArguments } = command;
    expect(operands.length).toBeLessThanOrEqual(registeredArguments.length);
    expect(operands.length).toBeGreaterThanOrEqual(registeredArguments.filter(({ required }) => required).length);
    // A group of commands does nothing by itself.
    expect(command.commands).toEqual([]);
  });

  // What needs a file of the reader's, or ends with the help, is not tried.
  const starts = commandsIn(documents, /npm start -- ([^`\n#]+)/g).filter((line) => !/\.zip|--help/.test(line));
  it.each([...new Set(starts)])('is one that npm start takes: %s', (line) => {
    expect(() => readFlags(line.split(/\s+/))).not.toThrow();
  });

  const lines = DOCUMENTS.filter((file) => file !== 'CONTRIBUTING.md').flatMap((file) =>
    blocksIn(file, 'sh').flatMap((block) => block.split('\n').map((line) => line.replace(/(^| )#.*/, ''))),
  );
  it.each([...new Set(lines)])('is one that PowerShell takes as sh does: %s', (line) => {
    // What is between double quotes stays, but for these; a comma outside of them makes two words.
    expect(line).not.toMatch(/&&|\|\||\$\(|`|'(?![^"]*")|\\$|^\w+=/);
    expect(line.replaceAll(/"[^"]*"/g, '')).not.toMatch(/,|;/);
  });

  it('are many', () => {
    expect(inDocuments.length).toBeGreaterThan(50);
    expect(inAlarms.length).toBeGreaterThan(5);
    expect(starts.length).toBeGreaterThan(2);
  });
});
