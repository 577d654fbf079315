import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import { alertText, commandAfter } from '../../functions/domain/notify/alert.ts';
import { DEAD_LETTER_ALARM_DAYS, MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from '../../infra/limits.ts';
import { projectContext } from '../../infra/settings/project-context.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { synthesized } from '../infra/synthesized.ts';

const root = new URL('../../', import.meta.url);
const runbook = readFileSync(new URL('docs/runbook.md', root), 'utf8');

/** As GitHub makes it of a heading. */
const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

/** The sections (###) of a chapter (##), by heading. */
function sectionsOf(chapter: string): Map<string, string> {
  const [, text = ''] = runbook.split(`\n## ${chapter}\n`);
  const [untilNext = ''] = text.split(/\n## /);
  const [, ...sections] = untilNext.split(/\n### /);
  return new Map(
    sections.map((section) => {
      const end = section.indexOf('\n');
      return [section.slice(0, end), section.slice(end + 1)];
    }),
  );
}

const alarms = synthesized()
  .ofType('AWS::CloudWatch::Alarm')
  .map(({ Properties }) => {
    const description = String(Properties.AlarmDescription);
    const link = /^Runbook: (\S+)#(\S+)$/m.exec(description);
    return {
      name: String(Properties.AlarmName).replace(/^StreampixelDrop \w+: /, ''),
      description,
      severity: /^Severity: (\w+)$/m.exec(description)?.[1],
      address: link?.[1],
      anchor: link?.[2],
    };
  });
const alarmSections = sectionsOf('Alarms');
const reasonSections = sectionsOf('Reasons');
const followSections = sectionsOf('Submitted builds');

describe('the runbook', () => {
  it('has one section for each alarm and none besides', () => {
    expect([...alarmSections.keys()].sort()).toEqual(alarms.map(({ name }) => name).sort());
  });

  it('has one section for each reason and none besides', () => {
    expect([...reasonSections.keys()]).toEqual(Object.keys(REASONS));
  });

  it('has one section for each alert on a submitted build, by the words of its subject', () => {
    const build = { bucket: 'b', key: 'k.zip', region: 'r', droppedAt: 0 };
    const about = { build, userId: 'u', projectId: 'p', uploadId: 'x', at: 0 };
    const subjects = [
      alertText({ kind: 'rejected', ...about, objection: '' }),
      alertText({ kind: 'stuck', ...about, submittedAt: 0 }),
      alertText({ kind: 'webhook-silent', ...about }),
      alertText({ kind: 'release-failed', ...about, detail: '', isUnknown: false }),
    ].map(({ subject }) => subject);
    expect([...followSections.keys()]).toHaveLength(subjects.length);
    for (const [index, heading] of [...followSections.keys()].entries()) {
      expect(subjects[index]?.startsWith(heading)).toBe(true);
    }
    expect(followSections.get('Not released')).toContain(
      alertText({ kind: 'release-failed', ...about, detail: '', isUnknown: true }).subject.split(':')[0],
    );
  });

  it.each(alarms)('is where the alarm "$name" leads', ({ name, severity, anchor, address }) => {
    expect(anchor).toBe(slug(name));
    expect(address).toBe('docs/runbook.md');
    expect(alarmSections.get(name)).toContain(`\nSeverity: ${severity}\n`);
  });

  it.each([...alarmSections, ...reasonSections, ...followSections])(
    'says of "%s" what it means, where to look and how to mend it',
    (_, text) => {
      const labels = [...text.matchAll(/^\*\*(.+?)\*\*(.*)$/gm)].map(([, label, rest]) => [label, rest !== '']);
      expect(labels.map(([label]) => label)).toEqual(['Means.', 'Look.', 'Mend.', 'Safe to redrive?']);
      // At two in the morning a command is worth more than advice.
      expect(text).toMatch(/^```sh$/m);
    },
  );

  it.each([...reasonSections])('gives for %s the command that its alert gives', (reason, text) => {
    expect(text).toContain(commandAfter(reason as Reason).replace(/ --yes$/, ''));
  });

  it('has every section that it refers to', () => {
    const anchors = new Set([
      ...[...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading)),
      ...[...runbook.matchAll(/<a id="([\w-]+)">/g)].map(([, id = '']) => id),
    ]);
    const referred = [...runbook.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(referred.length).toBeGreaterThan(10);
    expect(referred.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });

  it('tells the numbers that the stack has', () => {
    expect(runbook).toContain(`for\n${DEAD_LETTER_RETENTION_DAYS} days at most`);
    expect(alarmSections.get('Dead letters will expire')).toContain(`is ${DEAD_LETTER_ALARM_DAYS} days old`);
    expect(alarmSections.get('Builds wait in the dead-letter queue')).toContain(`after ${MAX_RECEIVE_COUNT} receives`);
    expect(reasonSections.get('WaitTooLong')).toContain(`after ${QUEUE_RETENTION_DAYS} days`);
  });

  it('names only settings that there are', () => {
    const settings = Object.keys(readSettings(projectContext()));
    const named = [
      'waitingAlarmHours',
      'reminderHourUtc',
      'fileUrlLifetimeSeconds',
      'onLostAnswer',
      'stuckAfterMinutes',
    ];
    for (const name of named) {
      expect(runbook).toContain(`\`${name}\``);
      expect(settings).toContain(name);
    }
  });

  it('lies where the setting runbookUrl leads by default', () => {
    expect(existsSync(new URL(`../../${readSettings(projectContext()).runbookUrl}`, import.meta.url))).toBe(true);
  });
});

const inRunbook = [...runbook.matchAll(/npx streampixel-drop ([^`\n#]+)/g)].map(([, line = '']) => line.trim());
const inAlerts = Object.keys(REASONS).map((reason) => commandAfter(reason as Reason).replace(/^npx \S+ /, ''));
const inAlarms = alarms.flatMap(({ description }) =>
  [...description.matchAll(/npx streampixel-drop (.+)$/gm)].map(([, line = '']) => line),
);

describe('a command that people are told to run', () => {
  it.each([...new Set([...inRunbook, ...inAlerts, ...inAlarms])])('is one that the tool takes: %s', (line) => {
    const words = line.split(/\s+/);
    let command = createProgram(() => {});
    for (let inner: Command | undefined = command; inner !== undefined; ) {
      command = inner;
      inner = command.commands.find((candidate) => candidate.name() === words[0]);
      if (inner !== undefined) words.shift();
    }

    // Throws where a value is missing, or not one of those that there are.
    const { operands, unknown } = command.parseOptions(words);

    expect(unknown).toEqual([]);
    const { registeredArguments } = command;
    expect(operands.length).toBeLessThanOrEqual(registeredArguments.length);
    expect(operands.length).toBeGreaterThanOrEqual(registeredArguments.filter(({ required }) => required).length);
    // A group of commands does nothing by itself.
    expect(command.commands).toEqual([]);
  });

  it('are many', () => {
    expect(inRunbook.length).toBeGreaterThan(30);
    expect(inAlarms.length).toBeGreaterThan(5);
  });
});
