import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type ClassDeclaration,
  type InterfaceDeclaration,
  type JSDoc,
  type JSDocableNode,
  type MethodDeclaration,
  Project,
  Scope,
  SyntaxKind,
} from 'ts-morph';

const ROOT = new URL('..', import.meta.url);
const inRoot = (file: string) => fileURLToPath(new URL(file, ROOT));

/** Where the public types are. `infra/index.ts` exports them. */
const [PROPS, DROP, TELEMETRY] = [
  'infra/drop-props.ts',
  'infra/streampixel-drop.ts',
  'functions/domain/model/telemetry.ts',
].map(inRoot) as [string, string, string];

/** The page about the construct, made of its types and their comments. */
export function apiPage(): string {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const [props, drop, telemetry] = [PROPS, DROP, TELEMETRY].map((file) => project.addSourceFileAtPath(file));
  if (props === undefined || drop === undefined || telemetry === undefined) throw new Error('a source file is missing');
  const theClass = drop.getClassOrThrow('StreampixelDrop');
  const metrics = telemetry
    .getVariableDeclarationOrThrow('METRICS')
    .getFirstDescendantByKindOrThrow(SyntaxKind.ObjectLiteralExpression);
  const route = props.getInterfaceOrThrow('StreampixelRoute');
  const functions = drop.getInterfaceOrThrow('StreampixelDropFunctions');
  const error = props.getClassOrThrow('StreampixelDropError');
  return [
    '# API',
    '<!-- Made by `npm run docs` from the types in infra: change those. -->',
    'The construct `StreampixelDrop` of the package `streampixel-drop`, for CDK apps of your own. Examples: [TypeScript](examples/own-app), ' +
      '[JavaScript](examples/own-app-js). Names and units of the props are those of the [settings](docs/settings.md).',
    [
      '```ts',
      "import { StreampixelDrop } from 'streampixel-drop';",
      '',
      "const route = { prefix: '', userId, projectId, autoRelease: false, apiKeyParameter: '/studio/api-key' };",
      "const drop = new StreampixelDrop(stack, 'Builds', { routes: [route] });",
      '```',
    ].join('\n'),
    '## StreampixelDrop',
    describedBy(theClass),
    `Problems with the props are thrown together, as \`${error.getName()}\`: ${inSentence(describedBy(error))}`,
    '### Attributes',
    table(
      ['attribute', 'type', 'what it is'],
      theClass
        .getProperties()
        .filter((each) => each.getScope() === Scope.Public)
        .map((each) => [code(each.getName()), code(typeOf(each)), describedBy(each)]),
    ),
    '### Methods',
    table(
      ['method', 'what it returns'],
      methodsOf(theClass).map((each) => [code(signatureOf(each)), describedBy(each)]),
    ),
    '## StreampixelDropProps',
    describedBy(props.getInterfaceOrThrow('StreampixelDropProps')),
    fieldsOf(props.getInterfaceOrThrow('StreampixelDropProps')),
    '## StreampixelRoute',
    describedBy(route),
    fieldsOf(route),
    '## StreampixelDropFunctions',
    table(
      ['function', 'what it does'],
      functions.getProperties().map((each) => [code(each.getName()), describedBy(each)]),
    ),
    '## Metrics',
    'For `metric(name)`. Each has the dimension `Stack`, which is the name of the drop, and those that its text names.',
    table(
      ['name', 'unit', 'what it counts'],
      metrics
        .getPropertiesWithComments()
        .flatMap((each) =>
          each.isKind(SyntaxKind.PropertyAssignment)
            ? [[code(each.getName()), each.getInitializerOrThrow().getText().replaceAll("'", ''), commentBefore(each)]]
            : [],
        ),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

/** Names and types of fields, with their comments and defaults. */
function fieldsOf(declaration: InterfaceDeclaration): string {
  return table(
    ['field', 'type', 'what it is', 'default'],
    declaration
      .getProperties()
      .map((each) => [
        code(each.getName()),
        code(typeOf(each)),
        describedBy(each),
        each.hasQuestionToken() ? defaultOf(each) : '**required**',
      ]),
  );
}

function methodsOf(declaration: ClassDeclaration): readonly MethodDeclaration[] {
  return declaration.getInstanceMethods().filter((each) => each.getScope() === Scope.Public);
}

function signatureOf(method: MethodDeclaration): string {
  const parameters = method.getParameters().map((each) => {
    const isOptional = each.isOptional();
    return `${each.getName()}${isOptional ? '?' : ''}: ${each.getTypeNodeOrThrow().getText()}`;
  });
  return `${method.getName()}(${parameters.join(', ')}): ${method.getReturnTypeNodeOrThrow().getText()}`;
}

function typeOf(node: { getTypeNode(): { getText(): string } | undefined }): string {
  return (node.getTypeNode()?.getText() ?? '').replace(/^readonly /, '');
}

/** The text of a comment, and of what it says of parameters. */
function describedBy(node: JSDocableNode): string {
  const docs = node.getJsDocs();
  const parameters = docs.flatMap((doc) =>
    doc
      .getTags()
      .flatMap((tag) =>
        tag.getTagName() === 'param' ? [`\`${nameOf(tag)}\`: ${oneLine(tag.getCommentText())}.`] : [],
      ),
  );
  return [...docs.map((doc: JSDoc) => oneLine(doc.getDescription())), ...parameters].join(' ');
}

function nameOf(tag: ReturnType<JSDoc['getTags']>[number]): string {
  return tag.isKind(SyntaxKind.JSDocParameterTag) ? tag.getName() : '';
}

function defaultOf(node: JSDocableNode): string {
  const tags = node.getJsDocs().flatMap((doc) => doc.getTags());
  const text = oneLine(tags.find((tag) => tag.getTagName() === 'default')?.getCommentText());
  return /^('[^']*'|\d+|true|false)$/.test(text) ? code(text) : text;
}

function commentBefore(node: { getLeadingCommentRanges(): readonly { getText(): string }[] }): string {
  const comment = node.getLeadingCommentRanges().at(-1)?.getText() ?? '';
  return oneLine(comment.replace(/^\/\*\*|\*\/$/g, ''));
}

function oneLine(text = ''): string {
  return text.replace(/\s+/g, ' ').trim();
}

function inSentence(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

// Run by `npm run docs`; imported by the test that compares the page with the types.
if (import.meta.main) writeFileSync(new URL('API.md', ROOT), apiPage());
