export interface FloorConfig {
  databaseUrl: string;
  redisUrl: string;
  /** With `/v1`. */
  upstreamUrl: string;
  concurrency: number;
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set.`);
  return value;
}

export const readFloorConfig = (): FloorConfig => ({
  databaseUrl: required("DATABASE_URL"),
  redisUrl: required("REDIS_URL"),
  upstreamUrl: required("MODEL_BASE_URL"),
  concurrency: Number(process.env.FLOOR_CONCURRENCY ?? 250),
});
