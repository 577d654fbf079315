import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { LOCAL_ACCOUNT_ID, LOCAL_USER } from './account.ts';
import { AwsError } from './aws-error.ts';
import { toXml } from './xml.ts';

export interface Published {
  readonly topicArn: string;
  readonly subject: string | undefined;
  readonly message: string;
}

/**
 * The services of AWS's older Query protocol, with a form in and XML out: SNS's `Publish`, which delivers to the callback
 * only, CloudFormation's `DescribeStacks`, by whose outputs the operator's tool finds the parts of a stack, and STS's
 * `GetCallerIdentity`: the caller is the user of this machine.
 */
export function createQueryServices(region: string, onPublished: (published: Published) => void) {
  const topicArns = new Set<string>();
  /** Their outputs, by name. */
  const stacks = new Map<string, Readonly<Record<string, string>>>();

  function publish(form: URLSearchParams): object {
    const topicArn = form.get('TopicArn') ?? '';
    if (!topicArns.has(topicArn)) throw new AwsError(404, 'NotFound', 'Topic does not exist');
    onPublished({ topicArn, subject: form.get('Subject') ?? undefined, message: form.get('Message') ?? '' });
    return { MessageId: randomUUID() };
  }

  function describeStacks(form: URLSearchParams): object {
    const wanted = form.get('StackName');
    const idOf = (name: string) => `arn:aws:cloudformation:${region}:${LOCAL_ACCOUNT_ID}:stack/${name}/local`;
    const found = [...stacks].filter(([name]) => wanted === null || name === wanted || idOf(name) === wanted);
    if (wanted !== null && found.length === 0) {
      throw new AwsError(400, 'ValidationError', `Stack with id ${wanted} does not exist`);
    }
    const member = found.map(([StackName, outputs]) => ({
      StackId: idOf(StackName),
      StackName,
      StackStatus: 'CREATE_COMPLETE',
      Outputs: {
        member: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
      },
    }));
    return { Stacks: { member } };
  }

  function answer(form: URLSearchParams): string {
    const action = form.get('Action');
    switch (action) {
      case 'Publish':
        return envelope('http://sns.amazonaws.com/doc/2010-03-31/', action, publish(form));
      case 'DescribeStacks':
        return envelope('http://cloudformation.amazonaws.com/doc/2010-05-15/', action, describeStacks(form));
      case 'GetCallerIdentity': {
        const Arn = `arn:aws:iam::${LOCAL_ACCOUNT_ID}:user/${LOCAL_USER}`;
        const identity = { Arn, UserId: 'local', Account: LOCAL_ACCOUNT_ID };
        return envelope('https://sts.amazonaws.com/doc/2011-06-15/', action, identity);
      }
      default:
        throw new AwsError(400, 'InvalidAction', `The local stack does not emulate the action ${action}.`);
    }
  }

  return {
    createTopic: (arn: string): void => void topicArns.add(arn),
    /** Sets what CloudFormation describes from now on. */
    describeStack(name: string, outputs: Readonly<Record<string, string>>): void {
      stacks.set(name, outputs);
    },
    async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const send = (status: number, body: string) =>
        response.writeHead(status, { 'Content-Type': 'text/xml' }).end(body);
      try {
        send(200, answer(new URLSearchParams(await text(request))));
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const { code: Code, message: Message } = error;
        send(error.status, toXml('ErrorResponse', '', { Error: { Type: 'Sender', Code, Message } }));
      }
    },
  };
}

function envelope(namespace: string, action: string, result: object): string {
  return toXml(`${action}Response`, namespace, {
    [`${action}Result`]: result,
    ResponseMetadata: { RequestId: randomUUID() },
  });
}
