import { randomUUID } from 'node:crypto';

/** What CloudFormation tells of a stack, as far as anybody here asks. */
export interface StackDescription {
  readonly name: string;
  readonly region: string;
  readonly accountId: string;
  /** By logical id. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** An answer in AWS's query protocol. */
export interface QueryAnswer {
  readonly status: number;
  readonly body: string;
}

const NAMESPACE = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

/** Answers CloudFormation's `DescribeStacks` for the one stack there is; operator and tools find its parts by its outputs. */
export function describeStacks(request: URLSearchParams, stack: StackDescription | undefined): QueryAnswer {
  const action = request.get('Action');
  if (action !== 'DescribeStacks') {
    return refusal('InvalidAction', `The local stack does not have ${action} of CloudFormation.`);
  }
  const wanted = request.get('StackName');
  if (wanted !== null && wanted !== stack?.name)
    return refusal('ValidationError', `Stack with id ${wanted} does not exist`);
  const described = stack === undefined ? '' : `<member>${describe(stack)}</member>`;
  const result = `<DescribeStacksResult><Stacks>${described}</Stacks></DescribeStacksResult>`;
  return { status: 200, body: envelope('DescribeStacksResponse', result) };
}

function describe({ name, region, accountId, outputs }: StackDescription): string {
  const members = Object.entries(outputs).map(
    ([key, value]) =>
      `<member><OutputKey>${escaped(key)}</OutputKey><OutputValue>${escaped(value)}</OutputValue></member>`,
  );
  const id = `arn:aws:cloudformation:${region}:${accountId}:stack/${name}/local`;
  return (
    `<StackId>${escaped(id)}</StackId><StackName>${escaped(name)}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>` +
    `<Outputs>${members.join('')}</Outputs>`
  );
}

function refusal(code: string, message: string): QueryAnswer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
  return { status: 400, body: envelope('ErrorResponse', error) };
}

function envelope(root: string, content: string): string {
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  return `<${root} xmlns="${NAMESPACE}">${content}${metadata}</${root}>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
