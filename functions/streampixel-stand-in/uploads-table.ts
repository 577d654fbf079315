import type { Table } from '../adapters/dynamodb-table.ts';
import type { LimitedEndpoint } from './api.ts';
import type { Upload } from './lifecycle.ts';

/** What the stand-in of a rehearsal remembers, in a table whose one key is that of the ledger's. */
export interface Uploads {
  /** Starts the window of a user's endpoint. @returns whether none was open */
  acquire(endpoint: LimitedEndpoint, userId: string, now: number, windowMs: number): Promise<boolean>;
  add(upload: Upload): Promise<void>;
  save(upload: Upload): Promise<void>;
  find(uploadId: string): Promise<Upload | undefined>;
  /** Oldest first. */
  ofProject(projectId: string): Promise<readonly Upload[]>;
}

/** Every method throws `LedgerUnavailable` where DynamoDB does not answer. */
export function openUploads(table: Table): Uploads {
  const uploadKey = (uploadId: string) => `upload#${uploadId}`;
  const projectKey = (projectId: string) => `project#${projectId}`;

  async function save(upload: Upload): Promise<void> {
    await table.put(uploadKey(upload.uploadId), { upload }, {});
  }

  async function find(uploadId: string): Promise<Upload | undefined> {
    return (await table.get(uploadKey(uploadId)))?.upload as Upload | undefined;
  }

  return {
    acquire: (endpoint, userId, now, windowMs) =>
      table.put(
        `lane#${endpoint}#${userId}`,
        { acceptedAt: now },
        {
          condition: 'attribute_not_exists(acceptedAt) OR acceptedAt <= :latest',
          values: { ':latest': now - windowMs },
        },
      ),
    async add(upload) {
      await save(upload);
      await table.update(
        projectKey(upload.projectId),
        'SET uploadIds = list_append(if_not_exists(uploadIds, :none), :id)',
        { values: { ':none': [], ':id': [upload.uploadId] } },
      );
    },
    save,
    find,
    async ofProject(projectId) {
      const { uploadIds = [] } = ((await table.get(projectKey(projectId))) ?? {}) as { uploadIds?: readonly string[] };
      const uploads = await Promise.all(uploadIds.map(find));
      return uploads.filter((upload) => upload !== undefined);
    },
  };
}
