import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { type AsyncInvocations, startAsyncInvocations } from './async-invocations.ts';
import type { BusEvent } from './event-bus.ts';
import { matches } from './event-rules.ts';
import { startEventSource } from './event-source.ts';
import type { InvokeFunction } from './http-api.ts';
import { type FunctionOptions, type FunctionSpec, type LambdaFunction, startFunction } from './lambda-process.ts';
import type { Deployment, EventRule, RuleTarget } from './template.ts';

export interface DeployedFunctionsOptions extends FunctionOptions {
  readonly sqs: SQSClient;
  readonly region: string;
  /** For people. */
  readonly onProblem: (problem: string) => void;
}

export interface DeployedFunctions {
  /** Sends the event to every function and queue that has a rule for it. */
  deliver(event: BusEvent): void;
  /** Invokes a function for somebody who waits for its answer. */
  readonly invoke: InvokeFunction;
  /** Goes by the functions and rules of another deployment of the same stack; its queues and event sources stay as they are. */
  update(deployment: Deployment): void;
  /** Waits for what is under way and starts nothing more. */
  stop(): Promise<void>;
}

/** Runs a deployment's functions and what invokes them: event sources and rules. A process starts with its first invocation. */
export function startFunctions(deployment: Deployment, options: DeployedFunctionsOptions): DeployedFunctions {
  const { sqs, region, onProblem } = options;
  const functions = new Map<string, LambdaFunction>();
  const invocations = new Map<string, AsyncInvocations>();
  /** Invocations whose answer somebody waits for, and messages being sent. */
  const underWay = new Set<Promise<unknown>>();
  let rules: readonly EventRule[] = deployment.rules;
  let stopping = false;

  function lambdaOf(spec: FunctionSpec): LambdaFunction {
    const lambda = functions.get(spec.name) ?? startFunction(spec, options);
    functions.set(spec.name, lambda);
    return lambda;
  }

  async function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  }

  const sources = deployment.eventSources.map((source) => {
    const { invoke } = lambdaOf(source.function);
    return startEventSource(source, { sqs, region, invoke, onProblem });
  });

  function send(target: RuleTarget, event: BusEvent): void {
    switch (target.kind) {
      case 'function': {
        const { function: spec, retryAttempts } = target;
        const { invoke } = lambdaOf(spec);
        const invocation =
          invocations.get(spec.name) ??
          startAsyncInvocations({ functionName: spec.name, invoke, retryAttempts, onProblem });
        invocations.set(spec.name, invocation);
        invocation.send(event);
        return;
      }
      case 'queue':
        void track(sendToQueue(target.queueUrl, event));
        return;
      default:
        unreachable(target);
    }
  }

  async function sendToQueue(queueUrl: string, event: BusEvent): Promise<void> {
    try {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(event) }));
    } catch (error) {
      const message = error instanceof Error ? error.message : `${error}`;
      onProblem(`The event "${event['detail-type']}" did not get into the queue ${queueUrl}: ${message}`);
    }
  }

  return {
    deliver(event) {
      for (const { pattern, targets } of rules) {
        if (matches(pattern, event)) for (const target of targets) send(target, event);
      }
    },
    async invoke(spec, event) {
      if (stopping) {
        return { kind: 'failed', errorType: 'Runtime.Stopped', errorMessage: 'The local stack is stopping.' };
      }
      return track(lambdaOf(spec).invoke(event));
    },
    update(next) {
      rules = next.rules;
      for (const spec of functionsOf(next)) functions.get(spec.name)?.update(spec);
    },
    async stop() {
      rules = [];
      stopping = true;
      await Promise.all([...[...sources, ...invocations.values()].map((each) => each.stop()), ...underWay]);
      await Promise.all([...functions.values()].map((lambda) => lambda.stop()));
    },
  };
}

/** All that something invokes. */
function functionsOf({ eventSources, rules, httpApis }: Deployment): FunctionSpec[] {
  const targets = rules.flatMap((rule) => rule.targets).filter((target) => target.kind === 'function');
  const routes = httpApis.flatMap((api) => api.routes);
  return [...eventSources, ...targets, ...routes].map((invoker) => invoker.function);
}
