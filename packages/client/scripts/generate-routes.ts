import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { createPrinter } from "./print-type.ts";

const HEADER = `/*
 * Made from the router's types by \`npm run generate\`. Do not edit.
 * It is what lets the published client do without any of the server's code or declarations.
 */
`;

const source = fileURLToPath(new URL("./routes-source.ts", import.meta.url));
const target = fileURLToPath(new URL("../src/routes.ts", import.meta.url));
const root = fileURLToPath(new URL("../../../", import.meta.url));

function compile(): { checker: ts.TypeChecker; file: ts.SourceFile } {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const program = ts.createProgram([source], { ...options, noEmit: true });
  const file = program.getSourceFile(source);
  const errors = ts.getPreEmitDiagnostics(program, file);
  if (!file || errors.length > 0)
    throw new Error(
      ts.formatDiagnostics(errors, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => root, getNewLine: () => "\n" }),
    );
  return { checker: program.getTypeChecker(), file };
}

/** The module's exported types, without the generic ones. */
function exportedTypes(checker: ts.TypeChecker, file: ts.SourceFile): Map<string, ts.Type> {
  const module = checker.getSymbolAtLocation(file);
  const symbols = (module ? checker.getExportsOfModule(module) : []).map((symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  );
  const types = symbols.filter(({ flags }) => flags & (ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Interface));
  return new Map(types.map((symbol) => [symbol.name, checker.getDeclaredTypeOfSymbol(symbol)]));
}

function generate(): string {
  const { checker, file } = compile();
  const types = exportedTypes(checker, file);
  const printer = createPrinter(checker);
  for (const [name, type] of types) if (name !== "Routes") printer.teach(name, type);
  const roots = ["ErrorData", "Routes"];
  for (const root of roots) {
    const type = types.get(root);
    if (!type) throw new Error(`${root} is not exported.`);
    printer.print(type);
  }
  const text = [HEADER, ...printer.declarations(roots)].join("\n\n");
  const command = ["format", "--stdin-file-path=routes.ts"];
  return execFileSync(`${root}node_modules/.bin/biome`, command, { input: text, cwd: root, encoding: "utf8" });
}

const made = generate();
if (!process.argv.includes("--check")) writeFileSync(target, made);
else if (readFileSync(target, "utf8") !== made) {
  console.error("packages/client/src/routes.ts is not what the router says: run `npm run generate` in packages/client.");
  process.exitCode = 1;
}
