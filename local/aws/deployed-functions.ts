import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { BusEvent } from './event-bus.ts';
import { matches } from './event-rules.ts';
import { startEventSource } from './event-source.ts';
import {
  type FunctionOptions,
  type FunctionSpec,
  type InvocationResult,
  type LambdaFunction,
  startFunction,
} from './lambda-process.ts';
import type { Deployment, RuleTarget } from './template.ts';

export interface DeployedFunctionsOptions extends FunctionOptions {
  readonly sqs: SQSClient;
  readonly region: string;
  /** A problem in a sentence. */
  readonly onProblem: (problem: string) => void;
  /** Wait before a failed event is tried again, in ms; twice as long before the next. Lambda waits a minute. Default: 1 s. */
  readonly retryDelayMs?: number;
}

export type DeployedFunctions = ReturnType<typeof startFunctions>;

/** Runs a deployment's functions and what invokes them: event sources and rules. A process starts with its first invocation. */
export function startFunctions(deployment: Deployment, options: DeployedFunctionsOptions) {
  const { sqs, region, onProblem, retryDelayMs = 1_000 } = options;
  const functions = new Map<string, LambdaFunction>();
  const running = new Set<Promise<unknown>>();
  const stopping = new AbortController();
  let { rules } = deployment;

  function lambdaOf(spec: FunctionSpec): LambdaFunction {
    const lambda = functions.get(spec.name) ?? startFunction(spec, options);
    functions.set(spec.name, lambda);
    return lambda;
  }

  function track<T>(work: Promise<T>): Promise<T> {
    const tracked: Promise<unknown> = work.catch(() => {}).finally(() => running.delete(tracked));
    running.add(tracked);
    return work;
  }

  const sources = deployment.eventSources.map((source) =>
    startEventSource(source, { sqs, region, invoke: lambdaOf(source.function).invoke, onProblem }),
  );

  /** Invokes a function as Lambda does where the sender does not wait: an attempt that failed is repeated. */
  async function invokeWithRetries(spec: FunctionSpec, retryAttempts: number, event: BusEvent): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const result = await lambdaOf(spec).invoke(event);
      if (result.kind === 'answered') return;
      const isLast = attempt > retryAttempts;
      const next = isLast ? `It was the last of ${attempt} attempts: the event is dropped.` : 'It is tried again.';
      onProblem(`${spec.name} failed: ${result.errorType}: ${result.errorMessage} ${next}`);
      if (isLast) return;
      // Stopping ends the wait, and with it the loop.
      await sleep(attempt * retryDelayMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  async function sendToQueue(queueUrl: string, event: BusEvent): Promise<void> {
    try {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(event) }));
    } catch (error) {
      const message = error instanceof Error ? error.message : `${error}`;
      onProblem(`The event "${event['detail-type']}" could not be sent to the queue ${queueUrl}: ${message}`);
    }
  }

  function send(target: RuleTarget, event: BusEvent): Promise<void> {
    return target.kind === 'queue'
      ? sendToQueue(target.queueUrl, event)
      : invokeWithRetries(target.function, target.retryAttempts, event);
  }

  return {
    /** Sends the event to every function and queue that has a rule for it. */
    deliver(event: BusEvent): void {
      for (const { pattern, targets } of rules) {
        if (matches(pattern, event)) for (const target of targets) void track(send(target, event));
      }
    },
    /** Invokes a function and waits for its answer. */
    async invoke(spec: FunctionSpec, event: unknown): Promise<InvocationResult> {
      if (stopping.signal.aborted) {
        return { kind: 'failed', errorType: 'Runtime.Stopped', errorMessage: 'The local stack is stopping.' };
      }
      return track(lambdaOf(spec).invoke(event));
    },
    /** Uses the functions and rules of another deployment of the same stack; queues and event sources stay as they are. */
    update(next: Deployment): void {
      rules = next.rules;
      for (const spec of next.functions) functions.get(spec.name)?.update(spec);
    },
    /** Starts nothing more, and waits for what is running. */
    async stop(): Promise<void> {
      rules = [];
      stopping.abort();
      await Promise.all([...sources.map((source) => source.stop()), ...running]);
      await Promise.all([...functions.values()].map((lambda) => lambda.stop()));
    },
  };
}
