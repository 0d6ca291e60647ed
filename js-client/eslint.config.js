// What the linter asks for, run from the repository's root: of the client all that typescript-eslint can tell from
// its types; of plain scripts what ESLint knows by itself.
import js from "@eslint/js"
import { defineConfig } from "eslint/config"
import globals from "globals"
import tseslint from "typescript-eslint"

export default defineConfig(
  { ignores: ["**/build", "**/dist", "**/node_modules", "vortex/static", "docs/_build"] },
  js.configs.recommended,
  { rules: { eqeqeq: "error" } },
  {
    files: ["js-client/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ["js-client/test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "describe", "it", "suite"] },
          ],
        },
      ],
    },
  },
  { files: ["js-client/**/*.{js,mjs}"], languageOptions: { globals: globals.node } },
  { files: ["vortex/**/*.js", "docs/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["docs/**/*.mjs", "tests/**/*.mjs"], languageOptions: { globals: globals.nodeBuiltin } },
)
