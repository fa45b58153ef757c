import ts from "typescript";

interface Printer {
  /** Gives a name to every type that looks like this one, where inference has lost its own. */
  teach(name: string, type: ts.Type): void;
  /** The type as source text. Named types of the product come out by their name, and are declared once. */
  print(type: ts.Type): string;
  /** The declarations of these names and of all that they mention, by name. */
  declarations(roots: string[]): string[];
}

const LITERAL = ts.TypeFlags.StringLiteral | ts.TypeFlags.NumberLiteral | ts.TypeFlags.BooleanLiteral;
const PLAIN =
  LITERAL |
  ts.TypeFlags.Any |
  ts.TypeFlags.Unknown |
  ts.TypeFlags.String |
  ts.TypeFlags.Number |
  ts.TypeFlags.Boolean |
  ts.TypeFlags.Null |
  ts.TypeFlags.Undefined |
  ts.TypeFlags.Void |
  ts.TypeFlags.Never;

const isName = (name: string): boolean => /^[A-Z][A-Za-z]*$/.test(name);

/** Writes types out as what they are on the wire: brands fall away, generic helpers are expanded, nothing is imported. */
export function createPrinter(checker: ts.TypeChecker): Printer {
  const declared = new Map<string, { type: ts.Type; text: string }>();
  const taught = new Map<string, string>();

  /** The name of a type that has one and no parameters; null for what is to be written out. */
  function nameOf(type: ts.Type): string | null {
    if (type.aliasSymbol) return type.aliasTypeArguments?.length || !isName(type.aliasSymbol.name) ? null : type.aliasSymbol.name;
    const isInterface = ((type as ts.ObjectType).objectFlags ?? 0) & ts.ObjectFlags.Interface;
    const isGeneric = checker.getTypeArguments(type as ts.TypeReference).length > 0;
    return isInterface && !isGeneric ? (type.symbol?.name ?? null) : null;
  }

  function printNamed(name: string, type: ts.Type): string {
    const known = declared.get(name);
    if (known && known.type !== type && known.text !== `export type ${name} = ${printStructure(type)};`) return printStructure(type);
    if (known) return name;
    const entry = { type, text: "" };
    declared.set(name, entry);
    entry.text = `export type ${name} = ${printStructure(type)};`;
    return name;
  }

  function printUnion(types: ts.Type[]): string {
    const isBoolean = types.filter((type) => type.flags & ts.TypeFlags.BooleanLiteral).length === 2;
    const rest = isBoolean ? types.filter((type) => !(type.flags & ts.TypeFlags.BooleanLiteral)) : types;
    const texts = rest.map((type) => print(type));
    if (isBoolean) texts.push("boolean");
    // What may be absent stands last, as a person would write it.
    const late = (text: string): number => ["null", "undefined"].indexOf(text);
    return [...new Set(texts)].sort((a, b) => late(a) - late(b)).join(" | ");
  }

  /** As it was written: the checker keeps that beside the flat list, so that a named part of a union stays a name. */
  function membersOf(type: ts.UnionType & { origin?: ts.Type }): ts.Type[] {
    return type.origin?.isUnion() ? type.origin.types : type.types;
  }

  function printObject(type: ts.Type): string {
    const members = checker.getPropertiesOfType(type).map((property) => {
      const type = checker.getTypeOfSymbol(property);
      // JSON leaves out what is undefined, and what is unknown may be that.
      const optional = property.flags & ts.SymbolFlags.Optional || type.flags & ts.TypeFlags.Unknown ? "?" : "";
      const name = /^[A-Za-z_$][\w$]*$/.test(property.name) ? property.name : JSON.stringify(property.name);
      return `${name}${optional}: ${print(type)};`;
    });
    for (const index of checker.getIndexInfosOfType(type)) members.push(`[key: ${print(index.keyType)}]: ${print(index.type)};`);
    return `{ ${members.join(" ")} }`;
  }

  function printStructure(type: ts.Type): string {
    if (type.isUnion()) return printUnion(membersOf(type));
    if (checker.isArrayType(type)) {
      const [element] = checker.getTypeArguments(type as ts.TypeReference);
      const text = element ? print(element) : "unknown";
      return text.includes("|") ? `(${text})[]` : `${text}[]`;
    }
    if (checker.isTupleType(type)) {
      const elements = checker.getTypeArguments(type as ts.TypeReference);
      return `[${elements.map((element) => print(element)).join(", ")}]`;
    }
    return printObject(type);
  }

  function print(type: ts.Type): string {
    if (type.flags & PLAIN) return checker.typeToString(type);
    // A branded text is a text on the wire.
    if (type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.String)) return "string";
    const name = nameOf(type);
    if (name !== null) return printNamed(name, type);
    const text = printStructure(type);
    const lost = taught.get(text);
    if (lost === undefined) return text;
    if (!declared.has(lost)) declared.set(lost, { type, text: `export type ${lost} = ${text};` });
    return lost;
  }

  function teach(name: string, type: ts.Type): void {
    if (isName(name) && !(type.flags & PLAIN) && !type.isIntersection()) taught.set(printStructure(type), name);
  }

  function declarations(roots: string[]): string[] {
    const needed = new Set(roots);
    for (const name of needed)
      for (const [word] of declared.get(name)?.text.matchAll(/\b[A-Z]\w*/g) ?? []) if (declared.has(word)) needed.add(word);
    return [...needed].sort().map((name) => declared.get(name)?.text ?? "");
  }

  return { teach, print, declarations };
}
