/**
 * The closed sets of codes that say why. The same codes name log fields, attributes of dead letters, metrics, alerts and filters of
 * the tool, and the runbook's table is made from them.
 */

interface Explanation {
  /** What happened, on one line. */
  readonly cause: string;
  /** What a person does about it, on one line. */
  readonly remedy: string;
}

/** Why a build is in the dead-letter queue. */
export const REASONS = {
  InvalidApiKey: {
    cause: 'Streampixel rejected the API key (401 Invalid API Key). It is wrong, or a newer key has replaced it.',
    remedy:
      'Store a key that works (key set). The builds are then queued again automatically. Request a new key only if your team has none: it cancels the old one everywhere.',
  },
  InvalidUser: {
    cause: 'Streampixel does not know the userId, or the API key belongs to another account (401 Invalid User).',
    remedy:
      "Correct the route's userId (dashboard > account menu > Copy User ID) in streampixel-drop.json or in the props of StreampixelDrop, deploy, then redrive.",
  },
  Unauthorised: {
    cause: 'Streampixel answered 401 without saying whether the API key or the userId is wrong.',
    remedy: "Read the detail. Check the route's userId and the key in the SSM parameter, then redrive.",
  },
  ApiKeyMissing: {
    cause: 'The SSM parameter for the API key does not exist, is empty, or is not a SecureString.',
    remedy:
      'Store the key (key set). The builds are then queued again automatically. If the parameter has another type, delete it first.',
  },
  ProjectForbidden: {
    cause: 'The owner of the API key has no access to the project (403).',
    remedy: "Correct the route's projectId, or give the key's owner access to the project, then redrive.",
  },
  ProjectNotFound: {
    cause: 'Streampixel has no such project for this user (404).',
    remedy:
      "Correct the route's projectId (it is in the project page's address) in streampixel-drop.json or in the props of StreampixelDrop, deploy, then redrive.",
  },
  RequestRejected: {
    cause: 'Streampixel rejected the request itself (another 4xx status, or a redirect).',
    remedy: "Read Streampixel's message in the detail. Fix what it names, then redrive.",
  },
  BuildMissing: {
    cause: 'The object, or this version of it, is no longer in the bucket.',
    remedy: 'Drop the build again, and discard the dead letter.',
  },
  BuildUnreadable: {
    cause:
      'S3 or CloudFront refuses to serve the object through a signed URL, so Streampixel could not download it either.',
    remedy:
      "Do what the detail says, if it says what to do. If not, check the bucket policy (signature age, VPC or IP rules), the object's KMS " +
      'key and its storage class. Then redrive.',
  },
  NotAZip: {
    cause: 'The file is not a zip, whatever its name says.',
    remedy: 'Package the build again and drop it, and discard the dead letter.',
  },
  ZipDamaged: {
    cause: 'The zip is not whole: it was cut off, it is one part of several, or its directory contradicts itself.',
    remedy: 'Zip and upload the build again, from start to end, and discard the dead letter.',
  },
  ZipEncrypted: {
    cause: 'The zip, or a file in it, is encrypted. Streampixel has no password to open it.',
    remedy: 'Zip the build without a password and drop it, and discard the dead letter.',
  },
  NotAPackage: {
    cause: 'What is in the zip is not a packaged Unreal Engine game for Windows that Streampixel could start.',
    remedy:
      'Do what the detail says, drop the build again, and discard the dead letter. If the check is wrong, submit the build without it.',
  },
  UnusableKey: {
    cause:
      'The object key has a part that is "." or "..". No URL can carry it, so Streampixel could not download the build.',
    remedy: 'Rename the object: drop the build under another key, and discard the dead letter.',
  },
  NoRoute: {
    cause: "No route has a prefix that matches the object's key.",
    remedy:
      'Add a route for the prefix in streampixel-drop.json or in the props of StreampixelDrop, deploy, then redrive. Or drop the build under a prefix with a route.',
  },
  UnrecognisedMessage: {
    cause: 'The message is not an S3 event.',
    remedy: 'Find out what sends to the builds queue. If the message is not needed, discard it.',
  },
  SubmissionUnknown: {
    cause: 'The answer to the submission was lost, and the settings say not to submit again in that case.',
    remedy: "Look for the build on the project's dashboard. If it is not there, redrive.",
  },
  WaitTooLong: {
    cause:
      'The build would wait longer than SQS keeps its message (7 days): too many builds wait, or Streampixel said to come back later.',
    remedy: 'Redrive when fewer builds wait or Streampixel is back. Consider onlyLatest for the route.',
  },
  RetriesExhausted: {
    cause: 'Every attempt failed, each time with a cause that may pass by itself. The detail has the last one.',
    remedy: 'Fix the last cause, or wait until it has passed, then redrive.',
  },
} as const satisfies Record<string, Explanation>;
export type Reason = keyof typeof REASONS;

/** Why a build will be tried again later: each may pass by itself. */
export const RETRY_CAUSES = {
  VendorError: 'Streampixel answered with a server error (5xx).',
  VendorUnreachable: 'Streampixel could not be reached; nothing was sent.',
  AnswerLost: 'The request was sent and no usable answer came back: the build may have been accepted.',
  ApiKeyUnavailable: 'The API key could not be read from SSM.',
  BuildStoreUnavailable: 'S3 did not answer the check of the object.',
  LedgerUnavailable: 'The ledger table did not answer.',
  DeadLetterQueueUnavailable: 'The dead letter could not be sent; the message stays in the builds queue.',
  EventsUnavailable: 'The build is submitted, but EventBridge did not take the event that starts its watch.',
  OutOfTime: 'The function had too little time left to start.',
  Unexpected: 'An unexpected error; its name and message are in the log.',
} as const satisfies Record<string, string>;
export type RetryCause = keyof typeof RETRY_CAUSES;

/** Why a build sleeps although nothing is wrong with it: costs no attempt. */
export const POSTPONE_CAUSES = {
  Slot: 'Its slot (one upload per user and interval) has not come.',
  RateLimited: 'Streampixel answered 429: something else on the account has used the slot.',
  VendorBusy:
    'Streampixel answered with an error of its own (5xx) and said when to come back, such as 503 with Retry-After.',
  KeyChanged: 'The key was replaced during the call; the build is sent again with the new one.',
  InProgress: 'Another worker is processing this build.',
  JustDropped: 'The object is empty and seconds old: it may be a placeholder that the build is about to replace.',
} as const satisfies Record<string, string>;
export type PostponeCause = keyof typeof POSTPONE_CAUSES;

/** Why a message or a build needs nothing (more). */
export const SKIP_CAUSES = {
  TestEvent: 'The message that S3 sends when a notification is set up.',
  FolderMarker: 'The key ends in "/": a folder made in a console, not a build.',
  NotAZipKey: 'The key does not end in ".zip".',
  Duplicate: 'This build was already accepted, skipped or dead-lettered.',
  Superseded: 'A newer version of the same key was dropped before its slot.',
  NewerBuild: 'A newer build of the same route was dropped before its slot (onlyLatest).',
  Unchanged: 'Streampixel has this content already: it is that of the last accepted build of the same key.',
} as const satisfies Record<string, string>;
export type SkipCause = keyof typeof SKIP_CAUSES;
