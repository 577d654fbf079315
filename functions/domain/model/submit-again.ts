/**
 * Message attribute of a person's request to submit a build although it is finished. Its value names the request, so the worker can
 * distinguish a late duplicate of the message from another request.
 */
export const SUBMIT_AGAIN_ATTRIBUTE = 'SubmitAgain';
