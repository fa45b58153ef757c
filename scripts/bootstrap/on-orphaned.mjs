const CHECK_MS = 500;

/**
 * npm passes on SIGINT and SIGTERM; when it dies of anything else, as when its terminal is closed or it is killed, nobody
 * tells the program it runs. Calls back once when that happened; never outside of npm, where a program may well outlive
 * the shell that started it.
 */
export function onOrphaned(callback) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, CHECK_MS);
  timer.unref();
}
