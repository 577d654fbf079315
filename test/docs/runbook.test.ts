import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import { alertText as textOf } from '../../functions/domain/notify/alert-text.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { DEAD_LETTER_ALARM_DAYS, MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from '../../infra/limits.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { withTables } from '../../scripts/write-reasons.ts';
import { synthesized } from '../infra/synthesized.ts';
import { ROOT, read, slug } from './markdown.ts';

const COMMANDS = operatorCommands({});
const alertText = (alert: Alert) => textOf(alert, COMMANDS);
const runbook = read('docs/runbook.md');

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

  it('explains every reason and warning as the code does (`npm run docs` writes the tables)', () => {
    expect(runbook).toBe(withTables(runbook));
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
    'says for "%s" what it means, where to look and what to do',
    (_, text) => {
      const labels = [...text.matchAll(/^\*\*(.+?)\*\*(.*)$/gm)].map(([, label, rest]) => [label, rest !== '']);
      expect(labels.map(([label]) => label)).toEqual([
        'What it means.',
        'Where to look.',
        'What to do.',
        'Safe to redrive?',
      ]);
      // At two in the morning a command is worth more than advice.
      expect(text).toMatch(/^```sh$/m);
    },
  );

  it.each([...reasonSections])('gives for %s the command that its alert gives', (reason, text) => {
    expect(text).toContain(COMMANDS.after(reason as Reason, { reasons: [reason] }).replace(/ --yes$/, ''));
  });

  it('has the numbers that the stack has', () => {
    expect(runbook).toContain(`for ${DEAD_LETTER_RETENTION_DAYS} days at most`);
    expect(alarmSections.get('Dead letters will expire')).toContain(`is ${DEAD_LETTER_ALARM_DAYS} days old`);
    expect(alarmSections.get('Builds wait in the dead-letter queue')).toContain(`after ${MAX_RECEIVE_COUNT} receives`);
    expect(reasonSections.get('WaitTooLong')).toContain(`after ${QUEUE_RETENTION_DAYS} days`);
    expect(REASONS.WaitTooLong.cause).toContain(`(${QUEUE_RETENTION_DAYS} days)`);
  });

  it('names only settings that there are', () => {
    const settings = Object.keys(readSettings({ routes: SAMPLE_ROUTES }));
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
    expect(existsSync(new URL(readSettings({ routes: SAMPLE_ROUTES }).runbookUrl, ROOT))).toBe(true);
  });
});
