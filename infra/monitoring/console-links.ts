import { Aws } from 'aws-cdk-lib';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';

/** Pages of the AWS console. (China and GovCloud have consoles at other addresses; the path is the same there.) */
const CONSOLE = 'https://console.aws.amazon.com';

/** The queue's own page, with its messages. */
export function queueLink({ queueName }: IQueue): string {
  // The page is known by the queue's URL, escaped as a part of a path.
  const url = `https%3A%2F%2Fsqs.${Aws.REGION}.${Aws.URL_SUFFIX}%2F${Aws.ACCOUNT_ID}%2F${queueName}`;
  return `${CONSOLE}/sqs/v3/home?region=${Aws.REGION}#/queues/${url}`;
}

/** The streams of a log group whose name CloudFormation makes: it has no slash that would have to be escaped. */
export function logLink({ logGroupName }: ILogGroup): string {
  return `${CONSOLE}/cloudwatch/home?region=${Aws.REGION}#logsV2:log-groups/log-group/${logGroupName}`;
}

export function dashboardLink(dashboardName: string): string {
  return `${CONSOLE}/cloudwatch/home?region=${Aws.REGION}#dashboards/dashboard/${dashboardName}`;
}
