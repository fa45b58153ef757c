export { createLiveTail, type LiveTailOptions, type RedisLiveTail } from "./live-tail.ts";
