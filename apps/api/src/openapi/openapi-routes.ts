import { type RequestHandler, Router } from "express";
import type { VisitorOf } from "../visitors.ts";
import { openapiDocument } from "./document.ts";
import { docsPage, PAGE_POLICY } from "./page.ts";

/** `/openapi.json`, and `/docs` for people. Both are the same for everyone, and made when somebody first asks. */
export function openapiRoutes(visitorOf: VisitorOf): Router {
  let made: { json: string; page: string } | undefined;
  const texts = () => {
    if (made !== undefined) return made;
    const document = openapiDocument();
    made = { json: JSON.stringify(document), page: docsPage(document) };
    return made;
  };
  const document: RequestHandler = async (request, response) => {
    await visitorOf(request, response).count("anonymous", null);
    response.type("application/json").send(texts().json);
  };
  const page: RequestHandler = async (request, response) => {
    await visitorOf(request, response).count("anonymous", null);
    response.setHeader("content-security-policy", PAGE_POLICY);
    response.type("text/html").send(texts().page);
  };
  return Router().get("/openapi.json", document).get("/docs", page);
}
