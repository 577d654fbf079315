import type { SQSClient } from '@aws-sdk/client-sqs';
import { type AsyncInvocations, startAsyncInvocations } from './async-invocations.ts';
import type { BusEvent } from './event-bus.ts';
import { matches } from './event-rules.ts';
import { startEventSource } from './event-source.ts';
import { type FunctionOptions, type FunctionSpec, type LambdaFunction, startFunction } from './lambda-process.ts';
import type { Deployment, EventRule } from './template.ts';

export interface DeployedFunctionsOptions extends FunctionOptions {
  readonly sqs: SQSClient;
  readonly region: string;
  /** For people. */
  readonly onProblem: (problem: string) => void;
}

export interface DeployedFunctions {
  /** Invokes every function that has a rule for the event. */
  deliver(event: BusEvent): void;
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
  let rules: readonly EventRule[] = deployment.rules;

  function lambdaOf(spec: FunctionSpec): LambdaFunction {
    const lambda = functions.get(spec.name) ?? startFunction(spec, options);
    functions.set(spec.name, lambda);
    return lambda;
  }

  const sources = deployment.eventSources.map((source) => {
    const { invoke } = lambdaOf(source.function);
    return startEventSource(source, { sqs, region, invoke, onProblem });
  });

  return {
    deliver(event) {
      for (const target of rules.filter(({ pattern }) => matches(pattern, event)).flatMap(({ targets }) => targets)) {
        const { function: spec, retryAttempts } = target;
        const { invoke } = lambdaOf(spec);
        const invocation =
          invocations.get(spec.name) ??
          startAsyncInvocations({ functionName: spec.name, invoke, retryAttempts, onProblem });
        invocations.set(spec.name, invocation);
        invocation.send(event);
      }
    },
    update(next) {
      rules = next.rules;
      const targets = next.rules.flatMap((rule) => rule.targets);
      for (const { function: spec } of [...next.eventSources, ...targets]) functions.get(spec.name)?.update(spec);
    },
    async stop() {
      rules = [];
      await Promise.all([...sources, ...invocations.values()].map((each) => each.stop()));
      await Promise.all([...functions.values()].map((lambda) => lambda.stop()));
    },
  };
}
