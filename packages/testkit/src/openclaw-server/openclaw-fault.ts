/** What of a fake gateway is wrong at the moment; `null`: nothing. */
export type OpenclawFault =
  /** It does not begin to speak. */
  | "silent"
  /** It is starting: the first `connect` is put off. */
  | "starting"
  | "old-protocol"
  /** Frames that are none, answers to what nobody asked, events of other runs, repeated ones, ones behind the end. */
  | "lies"
  | "garbage"
  /** A message is lost in it: neither answered nor kept. */
  | "swallows"
  /** A message is refused. */
  | "refuses"
  /** A message is taken, and the socket cut before that is said. */
  | "cut-before-taken"
  /** The socket is cut in the middle of the answer; the run goes on. */
  | "cut-in-answer"
  | "fails"
  | "aborts"
  /** It answers when it is let go. */
  | "slow"
  /** The answer begins anew in the middle. */
  | "restates"
  /** Sessions, but not jobs. */
  | "no-cron"
  | "sick";
