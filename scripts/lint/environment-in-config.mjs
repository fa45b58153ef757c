const TEXT = "Only apps/*/src/config.ts reads the environment; take the value as an argument.";

const isProcess = (node) => node?.type === "Identifier" && node.name === "process";
const nameOf = (key) => (key.type === "Literal" ? key.value : key.name);

/** A rule of the linter: nobody reads the environment but the files that are excepted in `.oxlintrc.json`. */
const environmentInConfig = {
  create(context) {
    const refuse = (node) => context.report({ node, message: TEXT });
    return {
      MemberExpression(node) {
        if (isProcess(node.object) && nameOf(node.property) === "env") refuse(node);
      },
      VariableDeclarator({ id, init }) {
        if (!isProcess(init) || id.type !== "ObjectPattern") return;
        for (const property of id.properties) if (property.type === "Property" && nameOf(property.key) === "env") refuse(property);
      },
      ImportDeclaration(node) {
        if (node.source.value === "process" || node.source.value === "node:process") refuse(node);
      },
    };
  },
};

export default { meta: { name: "house" }, rules: { "environment-in-config": environmentInConfig } };
