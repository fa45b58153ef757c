/** A start that cannot go on. Its message is the one line that the person at the terminal needs, and nothing more is printed. */
export class StartFailure extends Error {
  override name = "StartFailure";
}
