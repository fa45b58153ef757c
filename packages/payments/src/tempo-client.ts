import type { EgressFetch } from "@parley/egress";
import { createClient, http } from "viem";
import { tempo as tempoChain } from "viem/tempo/chains";

const TIMEOUT_MS = 10_000;
const TRIES = 1;
const POLL_MS = 500;

/** A Tempo chain, over our own way out. */
export const createTempoClient = ({ rpcUrl, chainId }: { rpcUrl: string; chainId: number }, fetch: EgressFetch) =>
  createClient({
    chain: { ...tempoChain, id: chainId },
    transport: http(rpcUrl, { fetchFn: fetch as typeof globalThis.fetch, retryCount: TRIES, timeout: TIMEOUT_MS }),
    pollingInterval: POLL_MS,
  });
