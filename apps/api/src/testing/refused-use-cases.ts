import { GatewayError } from "@parley/contracts";
import type {
  A2aUseCases,
  ActivityUseCases,
  BillingUseCases,
  ChatUseCases,
  HookUseCases,
  MediaUseCases,
  PaymentUseCases,
  PeerUseCases,
  PlanUseCases,
  WebhookUseCases,
} from "@parley/domain";

/** There is nothing of the kind here. */
const refuse = () => Promise.reject(new GatewayError("not_found"));

/** What gateways in memory have none of. */
export const refusedUseCases: A2aUseCases &
  ActivityUseCases &
  BillingUseCases &
  ChatUseCases &
  HookUseCases &
  MediaUseCases &
  PeerUseCases &
  PaymentUseCases &
  PlanUseCases &
  WebhookUseCases = {
  openWallet: refuse,
  topUpWallet: refuse,
  listWallets: refuse,
  getWallet: refuse,
  closeWallet: refuse,
  takeVoucher: refuse,
  offerCall: refuse,
  readCredential: refuse,
  buyWithCredential: refuse,
  showToChannel: refuse,
  buyInChannel: refuse,
  priceOf: refuse,
  sessionPayer: refuse,
  buyWithCredits: refuse,
  buyInSession: refuse,
  createCheckout: refuse,
  openPortal: refuse,
  listPlans: refuse,
  subscribe: refuse,
  receiveCardEvent: refuse,
  findPlanner: refuse,
  openSession: refuse,
  sendA2aMessage: refuse,
  getA2aTask: refuse,
  listA2aTasks: refuse,
  cancelA2aTask: refuse,
  saveA2aPush: refuse,
  getA2aPush: refuse,
  listA2aPushes: refuse,
  deleteA2aPush: refuse,
  readA2aCard: refuse,
  createPeer: refuse,
  getPeer: refuse,
  listPeers: refuse,
  updatePeer: refuse,
  deletePeer: refuse,
  notePeerPush: refuse,
  uploadMedia: refuse,
  openMedia: refuse,
  getMedia: refuse,
  deleteMedia: refuse,
  createHook: refuse,
  listHooks: refuse,
  changeHook: refuse,
  rotateHook: refuse,
  deleteHook: refuse,
  receiveHook: refuse,
  createEndpoint: refuse,
  listEndpoints: refuse,
  changeEndpoint: refuse,
  rotateEndpoint: refuse,
  deleteEndpoint: refuse,
  listDeliveries: refuse,
  replayDelivery: refuse,
  followActivity: refuse,
  listActivity: refuse,
  openChat: refuse,
  findChat: refuse,
  renewChat: refuse,
  getAccount: refuse,
  setBillingMode: refuse,
  grantCredits: refuse,
  checkLedger: refuse,
  setPrice: refuse,
  credit: refuse,
  debit: refuse,
  hold: refuse,
  capture: refuse,
  release: refuse,
  findPrice: refuse,
  listPrices: refuse,
  setBudget: refuse,
  deleteBudget: refuse,
  listBudgets: refuse,
  readStatement: refuse,
  listEntries: refuse,
  async *readCharges() {
    yield await refuse();
  },
};
