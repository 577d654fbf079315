import type { Build } from '../model/build.ts';
import type { FileUrlFacts } from '../model/file-url.ts';
import type { Stage } from '../model/news.ts';
import type { Labels, PackageFacts, PackageWarning } from '../model/package-verdict.ts';
import type { Reason } from '../model/reasons.ts';

/** What one alert is about. All texts are redacted before they come here. */
export type Alert =
  | DeadLetterAlert
  | KeyRejectedAlert
  | NewKeyRejectedAlert
  | RedriveFinishedAlert
  | ReminderAlert
  | RejectedAlert
  | StuckAlert
  | UrlEndedAlert
  | SilentWebhookAlert
  | ReleaseFailedAlert;

/** What is known of the content of a build, and what the person who dropped it wrote on it. */
interface Described {
  readonly package?: PackageFacts;
  readonly warnings?: readonly PackageWarning[];
  readonly labels?: Labels;
}

/** One build was dead-lettered. */
export interface DeadLetterAlert extends Described {
  readonly kind: 'dead-lettered';
  readonly deadLetterId: string;
  readonly reason: Reason;
  /** Streampixel's or S3's message. */
  readonly detail: string;
  readonly status?: number;
  readonly attempts: number;
  readonly possiblyDoubled: boolean;
  /** Absent for a message that is no build. */
  readonly build?: Build;
  readonly userId?: string;
  readonly projectId?: string;
  /** An earlier upload of the build, where a person has it submitted again. */
  readonly earlierUploadId?: string;
  /** SSM parameter of the build's API key. */
  readonly parameter?: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly logPointer: string;
}

/** A key was refused for the first time; the builds behind it are dead-lettered without an alert of their own. */
export interface KeyRejectedAlert {
  readonly kind: 'key-rejected';
  readonly parameter: string;
  readonly version: number;
  readonly userId: string;
  /** Builds of the user that are waiting, without the one that was refused. */
  readonly waiting: number;
  readonly detail: string;
  readonly build: Build;
  /** ms since the epoch. */
  readonly at: number;
  readonly logPointer: string;
}

/** A key that was just put into its parameter does not work; nothing was redriven. */
export interface NewKeyRejectedAlert {
  readonly kind: 'new-key-rejected';
  readonly parameter: string;
  readonly version: number;
  readonly userId: string;
  readonly reason: Reason;
  readonly detail: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** A new key works, and the builds that the old one had stopped are queued again. */
export interface RedriveFinishedAlert {
  readonly kind: 'redrive-finished';
  readonly parameter: string;
  readonly moved: number;
  /** Still in the dead-letter queue, because SQS refused to move them. */
  readonly left: number;
  /** ms since the epoch. */
  readonly at: number;
}

/** There are still messages in the dead-letter queue. */
export interface ReminderAlert {
  readonly kind: 'reminder';
  readonly deadLetters: number;
  /** ms since the epoch. */
  readonly at: number;
}

/** What each alert about a build at Streampixel names. */
export interface UploadAlert extends Described {
  readonly build: Build;
  readonly userId: string;
  readonly projectId: string;
  readonly uploadId: string;
  /** Absent for a build that an earlier version submitted. */
  readonly fileUrl?: FileUrlFacts;
  /** ms since the epoch. */
  readonly at: number;
}

/** Streampixel examined the build and rejected it. */
export interface RejectedAlert extends UploadAlert {
  readonly kind: 'rejected';
  readonly objection: string;
}

/** Streampixel has sent nothing about the build for too long. */
export interface StuckAlert extends UploadAlert {
  readonly kind: 'stuck';
  /** The last stage that was reported, where there was one. */
  readonly stage?: Stage;
  /** ms since the epoch. */
  readonly submittedAt: number;
  /** ms since the epoch; absent where nothing was ever reported. */
  readonly lastNewsAt?: number;
}

/** The download URL of a build has ended, and Streampixel has not finished the build. */
export interface UrlEndedAlert extends UploadAlert {
  readonly kind: 'url-ended';
  /** The last stage that was reported, where there was one. */
  readonly stage?: Stage;
  /** ms since the epoch. */
  readonly submittedAt: number;
}

/** A project's webhook has never sent anything, so the result of its builds is not known. */
export interface SilentWebhookAlert extends UploadAlert {
  readonly kind: 'webhook-silent';
}

/** A request to release an upload failed. */
export interface ReleaseFailedAlert extends UploadAlert {
  readonly kind: 'release-failed';
  readonly detail: string;
  /** Its answer was lost: Streampixel may have released the upload. */
  readonly isUnknown: boolean;
}
