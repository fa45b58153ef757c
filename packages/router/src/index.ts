export * from "./app-router.ts";
export * from "./context.ts";
export * from "./error-shape.ts";
export { authorize } from "./procedure.ts";
export * from "./registry.ts";
export type { DrainItem } from "./stream-drain.ts";
export type { StreamItem } from "./stream-turn.ts";
export * from "./turn-end.ts";
export * from "./waits-behind-card.ts";
