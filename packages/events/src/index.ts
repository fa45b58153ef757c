export { createLiveTail, type LiveTailOptions, type RedisLiveTail } from "./live-tail.ts";
export { eventsSettings } from "./settings.ts";
