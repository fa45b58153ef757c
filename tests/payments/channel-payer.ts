import { type Challenge, Credential } from "mppx";
import { tempo } from "mppx/client";
import { Session } from "mppx/tempo";
import { createClient, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { tempo as tempoChain } from "viem/tempo/chains";

type Descriptor = Session.Precompile.SessionDescriptor;
interface Context {
  action: "topUp" | "voucher" | "close";
  cumulativeAmountRaw?: string;
  additionalDepositRaw?: string;
}

/** A payer of channels with the standard's own client. */
export function newChannelPayer({ url, chainId }: { url: string; chainId: number }) {
  const account = privateKeyToAccount(generatePrivateKey());
  const client = createClient({ account, chain: { ...tempoChain, id: chainId }, transport: http(url), pollingInterval: 50 });
  const method = tempo.session({ account, getClient: () => client, maxDeposit: "0.20" });
  const beside = (credential: string) => ({ "payment-authorization": credential });
  let descriptor: Descriptor | null = null;
  return {
    account,
    client,
    method,
    /** Locks $0.20, and signs for one call. */
    async open(challenge: Challenge.Challenge): Promise<Record<string, string>> {
      const credential = await method.createCredential({ challenge: challenge as never, context: {} });
      descriptor = (Credential.deserialize(credential).payload as { descriptor: Descriptor }).descriptor;
      return beside(credential);
    },
    async show(challenge: Challenge.Challenge, context: Context): Promise<Record<string, string>> {
      if (descriptor === null) throw new Error("Nothing was opened.");
      return beside(await method.createCredential({ challenge: challenge as never, context: { ...context, descriptor } }));
    },
    get channelId(): string {
      if (descriptor === null) throw new Error("Nothing was opened.");
      return Session.Precompile.Channel.computeId({ ...descriptor, chainId }).toLowerCase();
    },
  };
}
