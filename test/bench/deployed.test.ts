import { expect, it } from 'vitest';
import { ENV } from '../../functions/submit-build/environment.ts';
import { synthesized } from '../infra/synthesized.ts';
import { DEPLOYED } from '../simulation/our-design.ts';

it('simulates the numbers that the stack deploys', () => {
  const { only, ofType } = synthesized();
  const queueAt = (arn: string) => ofType('AWS::SQS::Queue').find(({ id }) => arn === `<${id}.Arn>`)?.Properties;

  const worker = only('AWS::Lambda::Function', ({ Environment }) => ENV.maxAttempts in (Environment?.Variables ?? {}));
  const mapping = only('AWS::Lambda::EventSourceMapping', ({ FunctionName }) => FunctionName === `<${worker.id}>`);
  const queue = queueAt(mapping.Properties.EventSourceArn);
  const deadLetters = queueAt(queue.RedrivePolicy.deadLetterTargetArn);
  const environment = worker.Properties.Environment.Variables;
  expect({
    functionTimeoutMs: worker.Properties.Timeout * 1000,
    visibilityTimeoutMs: queue.VisibilityTimeout * 1000,
    maxReceiveCount: queue.RedrivePolicy.maxReceiveCount,
    retentionMs: queue.MessageRetentionPeriod * 1000,
    deadLetterRetentionMs: deadLetters.MessageRetentionPeriod * 1000,
    batchSize: mapping.Properties.BatchSize,
    maximumConcurrency: mapping.Properties.ScalingConfig.MaximumConcurrency,
    intervalMs: Number(environment[ENV.intervalMs]),
    maxAttempts: Number(environment[ENV.maxAttempts]),
  }).toEqual(DEPLOYED);
});
