/**
 * Message attribute by which a person asks for a build to be submitted although it has come to its end before. Its value names
 * the request, which is how the worker knows a late duplicate of the message from another wish.
 */
export const SUBMIT_AGAIN_ATTRIBUTE = 'SubmitAgain';
