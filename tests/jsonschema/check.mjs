// check.mjs - judge specs by the JSON Schema that reconcile prints, with ajv.
//
//	node check.mjs MODULES SCHEMA FILE...
//
// Each file is read as YAML 1.2 (core schema) by another parser than ours and turned into JSON. One
// line each: "accepted FILE", "refused FILE: why", or "unread FILE: why" when it is no YAML or no JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, schemaPath, ...files] = process.argv.slice(2);
const require = createRequire(modules + "/");
const Ajv2020 = require("ajv/dist/2020.js");
const YAML = require("yaml");

const schema = JSON.parse(readFileSync(schemaPath, "utf8"));
// strict: a keyword that is misspelt is an error. Bounds beside a $ref have their type in what it refers to.
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });

if (!ajv.validateSchema(schema)) {
	console.log("schema is wrong: " + ajv.errorsText());
	process.exit(1);
}
const validate = ajv.compile(schema);

function read(file) {
	const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
	const docs = YAML.parseAllDocuments(text, { version: "1.2", maxAliasCount: 0 });

	// JSON has no infinity: it stays the text that it was.
	const whole = (key, v) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
	const values = docs.map((doc) => {
		if (doc.errors.length)
			throw doc.errors[0];
		return JSON.parse(JSON.stringify(doc.toJS({ maxAliasCount: 0 }), whole));
	});
	if (values.length < 2)
		return values.length ? values : [null];
	// Of several documents the first has the version; an empty one says nothing.
	const more = values.slice(1).filter((v) => v !== null);
	return [values[0], ...more.map((v) => ({ version: 1, ...v }))];
}

for (const file of files) {
	let value;

	try {
		value = read(file);
	} catch (e) {
		console.log("unread " + file + ": " + String(e.message).split("\n")[0]);
		continue;
	}
	if (value.every((v) => validate(v)))
		console.log("accepted " + file);
	else
		console.log("refused " + file + ": " + ajv.errorsText(validate.errors));
}
