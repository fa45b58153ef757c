import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const ENVIRONMENT_ONLY_IN_CONFIG = "Only apps/*/src/config.ts reads the environment; take the value as an argument.";

/** Formatting and import order are Biome's; here are the rules that need types, and the one reader of the environment. */
export default defineConfig(
  { ignores: ["**/dist/**", "**/node_modules/**", "**/.parley/**", "**/reports/**", "bench/peers/**", "**/*.mjs", "**/*.js", "**/*.cjs"] },
  {
    files: ["**/*.ts", "**/*.tsx"],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "max-lines": ["error", { max: 400 }],
      "no-restricted-syntax": [
        "error",
        { selector: "MemberExpression[object.name='process'][property.name='env']", message: ENVIRONMENT_ONLY_IN_CONFIG },
        { selector: "MemberExpression[object.name='process'][property.value='env']", message: ENVIRONMENT_ONLY_IN_CONFIG },
        {
          selector: "VariableDeclarator[init.name='process'] > ObjectPattern > Property[key.name='env']",
          message: ENVIRONMENT_ONLY_IN_CONFIG,
        },
        { selector: "ImportDeclaration[source.value=/^(node:)?process$/]", message: ENVIRONMENT_ONLY_IN_CONFIG },
      ],
    },
  },
  {
    files: ["apps/*/src/config.ts", "scripts/**", "bench/**", "tests/**", "packages/testkit/**", "**/*.test.ts", "*.config.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
  // Generated from the route registry.
  { files: ["packages/client/src/routes.ts"], rules: { "max-lines": "off" } },
);
