import { describe, expect, it } from 'vitest';
import { ENV, readEnvironment } from '../../functions/remind-of-dead-letters/environment.ts';
import { STUDIO, synthesized } from './synthesized.ts';

const stack = synthesized(STUDIO);
const reminder = stack.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('RemindOfDeadLetters'));
const schedules = (settings: Record<string, unknown>) =>
  synthesized({ ...STUDIO, ...settings })
    .ofType('AWS::Events::Rule')
    .flatMap(({ Properties }) => Properties.ScheduleExpression ?? []);

describe('the reminder of dead letters', () => {
  it('comes once a day, at the hour of the settings', () => {
    expect(schedules({})).toEqual(['cron(0 8 * * ? *)']);
    expect(schedules({ reminderHourUtc: 17 })).toEqual(['cron(0 17 * * ? *)']);
  });

  it('is given exactly the variables that it reads, and can read them', () => {
    const { Variables } = reminder?.Properties.Environment ?? {};
    expect(Object.keys(Variables).sort()).toEqual(Object.values(ENV).sort());
    expect(readEnvironment(Variables)).toMatchObject({ alertFormat: 'email' });
  });

  it('may count the dead letters and tell, and look into nothing', () => {
    const statements = stack
      .ofType('AWS::IAM::Policy')
      .filter(({ id }) => id.startsWith('RemindOfDeadLetters'))
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
      .map(({ Sid, Action }: { Sid?: string; Action: string | string[] }) => Sid ?? Action);
    expect(statements).toEqual(expect.arrayContaining(['CountDeadLetters', 'SendAlerts']));
    expect(JSON.stringify(statements)).not.toMatch(/sqs:ReceiveMessage|dynamodb|s3:|ssm:/);
  });
});
