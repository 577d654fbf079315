import { DEAD_LETTER_RETENTION_DAYS } from '../functions/domain/model/message-attributes.ts';

/** Numbers of the stack that no setting changes. They are here, without the CDK, for the settings' checks and the documents too. */

/**
 * Receives after which SQS itself moves a message to the dead-letter queue. High on purpose: sleeping until a slot or a deadline
 * costs receives too, and the ledger decides when to give up. This is the safety net for a function that crashes before it counts.
 */
export const MAX_RECEIVE_COUNT = 100;

/** Well below the dead-letter queue's {@link DEAD_LETTER_RETENTION_DAYS}, and room for 5,040 slots of 2 minutes. */
export const QUEUE_RETENTION_DAYS = 7;

/** Age of a dead letter at which an alarm fires: one that spent its first week in the builds queue still has 3 days left. */
export const DEAD_LETTER_ALARM_DAYS = DEAD_LETTER_RETENTION_DAYS - QUEUE_RETENTION_DAYS - 3;

/** Longest that the session of a function's role has been seen to last. AWS promises nothing. */
export const OBSERVED_SESSION_HOURS = 12;

/** Longest name of a drop, in characters: a bucket's name has at most 63, ours is `<name>-<account>-<region>`, and no region is longer today. */
export const LONGEST_NAME = 63 - '-123456789012-ap-southeast-1'.length;

/** What EventBridge takes for the pattern of a rule, in characters. Source: "Amazon EventBridge quotas". */
export const EVENT_PATTERN_LIMIT = 2048;

/**
 * Longest list of API key parameters in a statement of a policy, in characters; a role has two such statements. IAM takes 10,240
 * characters for the inline policies of a role, and 6,144 for a managed one, into which CDK moves whole statements that the inline
 * policy has no room for. Source: "IAM and AWS STS quotas".
 */
export const KEY_STATEMENT_LIMIT = 2560;

/** What Lambda takes for the environment variables of one function. Source: "Lambda quotas". */
export const ENVIRONMENT_LIMIT_BYTES = 4096;

/** Outputs that CloudFormation takes in a template. Source: "Understand CloudFormation quotas". */
export const OUTPUTS_LIMIT = 200;

/**
 * Longest value of an output, in bytes. CloudFormation documents no limit for it, but 4,096 for a parameter's and a custom resource's,
 * and exports end at 1,024.
 */
export const OUTPUT_VALUE_LIMIT_BYTES = 4000;

/**
 * Outputs for the routes. About 10,000 routes fit: each takes some 35 bytes, because ids are random. All outputs of a stack together have
 * been seen to end at 450,000 characters (aws-amplify/amplify-backend#946); a template ends at 1 MB.
 */
export const ROUTES_OUTPUTS_LIMIT = 90;

/** API keys and projects that the outputs name, of each. With hundreds they would be no list that a person reads. */
export const LISTED_OUTPUTS = 10;
