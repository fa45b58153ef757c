export * from "./api-key.ts";
export * from "./authenticator.ts";
export { addressKey, clientAddress, networkList } from "./client-address.ts";
export * from "./credential.ts";
export { createMessageWindow, type MessageWindow } from "./limits/message-window.ts";
export { type Counted, createRateLimiter, type RateLimiter } from "./limits/rate-limiter.ts";
export { csrfTokenOf, hashSession, isCsrfToken, isSessionToken, makeSession } from "./sessions/session-token.ts";
export { identitySettings } from "./settings.ts";
export { createTickets, TICKET_SECONDS, type Tickets } from "./tickets/tickets.ts";
