/**
 * The closed sets of codes that say why. The same codes name log fields, DLQ attributes, metrics, alerts and CLI filters,
 * and the README's table is checked against them.
 */

interface Explanation {
  /** One line: what happened. */
  readonly cause: string;
  /** One line: what a person does about it. */
  readonly remedy: string;
}

/** Why a build is in the dead-letter queue. */
export const REASONS = {
  InvalidApiKey: {
    cause: 'Streampixel refused the API key (401 Invalid API Key): it is wrong, or a newer key has replaced it.',
    remedy: 'Put the current key into the SSM parameter, then redrive. A new key kills the old one everywhere at once.',
  },
  InvalidUser: {
    cause: 'Streampixel does not know the userId, or the key belongs to another account (401 Invalid User).',
    remedy: "Correct the route's userId in cdk.json (dashboard > account menu > Copy User ID), deploy, then redrive.",
  },
  Unauthorised: {
    cause: 'Streampixel answered 401 without saying whether the key or the user is at fault.',
    remedy: "Read the detail, check the route's userId and the key in the SSM parameter, then redrive.",
  },
  ApiKeyMissing: {
    cause: 'The SSM parameter that should hold the API key does not exist, is empty, or is not a SecureString.',
    remedy: 'Create it with `aws ssm put-parameter --type SecureString` under the name in the route, then redrive.',
  },
  ProjectForbidden: {
    cause: "The key's owner has no access to the project (403).",
    remedy: "Correct the route's projectId, or give the key's owner access to the project, then redrive.",
  },
  ProjectNotFound: {
    cause: 'Streampixel knows no such project for this user (404).',
    remedy: "Correct the route's projectId in cdk.json (it is in the project page's address), deploy, then redrive.",
  },
  RequestRejected: {
    cause: 'Streampixel refused the request itself (another 4xx, or a redirect).',
    remedy: 'Read the detail: it carries the vendor’s words. Mend what they name, then redrive.',
  },
  BuildMissing: {
    cause: 'The object, or this version of it, is gone from the bucket.',
    remedy: 'Drop the build again; discard the dead letter.',
  },
  BuildUnreadable: {
    cause: 'S3 refuses to serve the object through a presigned URL, so Streampixel could not download it either.',
    remedy:
      "Check the bucket policy (signature age, VPC or IP rules), the object's KMS key and archived storage classes.",
  },
  NotAZip: {
    cause: 'The object does not start like a zip file.',
    remedy: 'Package the build again and drop it; discard the dead letter.',
  },
  NoRoute: {
    cause: "No route's prefix matches the key.",
    remedy: 'Add a route for the prefix in cdk.json and deploy, then redrive; or drop the build under a known prefix.',
  },
  UnrecognisedMessage: {
    cause: 'The message is not an S3 event.',
    remedy: 'Find who sends to the builds queue. If the message is of no use, discard it.',
  },
  SubmissionUnknown: {
    cause: 'The answer to the submission was lost, and the settings say not to submit again blindly.',
    remedy: "Look for the build on the project's dashboard. If it is not there, redrive.",
  },
  WaitTooLong: {
    cause: 'The line is so long that the message would expire in the builds queue before its turn.',
    remedy: 'Wait until the line is shorter, then redrive. Consider onlyLatest for the route.',
  },
  RetriesExhausted: {
    cause: 'It kept failing for causes that pass by themselves; the detail has the last one.',
    remedy: 'Mend or wait out the last cause, then redrive.',
  },
} as const satisfies Record<string, Explanation>;
export type Reason = keyof typeof REASONS;

/** Why a build will be tried again later: each may pass by itself. */
export const RETRY_CAUSES = {
  VendorError: 'Streampixel answered with an error of its own (5xx).',
  VendorUnreachable: 'Streampixel could not be reached; nothing was sent.',
  AnswerLost: 'The request went out and no usable answer came back: the build may have been accepted.',
  ApiKeyUnavailable: 'The API key could not be read from SSM.',
  BuildStoreUnavailable: 'S3 did not answer the check of the object.',
  LedgerUnavailable: 'The ledger table did not answer.',
  DeadLetterQueueUnavailable: 'The dead letter could not be sent; the message stays in the builds queue.',
  EventsUnavailable: 'It is submitted, and EventBridge did not take the event that has it watched.',
  OutOfTime: 'The function had too little time left to start.',
  Unexpected: 'An error nobody expected; its name and message are in the log.',
} as const satisfies Record<string, string>;
export type RetryCause = keyof typeof RETRY_CAUSES;

/** Why a build sleeps although nothing is wrong with it: costs no attempt. */
export const POSTPONE_CAUSES = {
  Slot: 'Its turn at Streampixel (one upload per user and interval) has not come.',
  RateLimited: 'Streampixel answered 429: something else on the account has used the slot.',
  VendorBusy:
    'Streampixel answered with an error of its own (5xx) and said when to come back, such as 503 with Retry-After.',
  KeyChanged: 'The key was replaced while the build was on its way; it goes again with the new one.',
  InProgress: 'Another worker has this build in hand.',
} as const satisfies Record<string, string>;
export type PostponeCause = keyof typeof POSTPONE_CAUSES;

/** Why a message or a build needs nothing (more). */
export const SKIP_CAUSES = {
  TestEvent: 'The message S3 sends when a notification is set up.',
  FolderMarker: 'The key ends in "/": a folder made in a console, not a build.',
  NotAZipKey: 'The key does not end in ".zip".',
  Duplicate: 'This build was already accepted, skipped or dead-lettered.',
  Superseded: 'A newer version of the same key was dropped before its turn.',
  NewerBuild: 'A newer build of the same route was dropped before its turn (onlyLatest).',
} as const satisfies Record<string, string>;
export type SkipCause = keyof typeof SKIP_CAUSES;
