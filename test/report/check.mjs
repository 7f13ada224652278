// Opens reports in Chromium as people do: from a file, with the network cut, on a large
// screen and on a phone, light and dark, and printed. A page must say what summarize
// says, ask for nothing, run nothing, and have no violation that axe-core finds.
//
// usage: node check.mjs PROGRAM DIR CHROMIUM [PICTURE]
//
// DIR is emptied; pages, screenshots and PDFs stay there. With PICTURE, the top of the
// simulated estate's page is written there as PNG, and nothing is checked.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const [program, dir, executablePath, picture] = process.argv.slice(2).map((p) => path.resolve(p))
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

fs.rmSync(dir, { recursive: true, force: true })
fs.mkdirSync(dir, { recursive: true })

// macielake returns standard output; codes are the exit codes that are expected.
function macielake(args, codes = [0]) {
  try {
    const out = execFileSync(program, args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
    if (!codes.includes(0)) throw new Error(`macielake ${args.join(' ')}: exit code 0, not ${codes}`)
    return out
  } catch (e) {
    if (codes.includes(e.status)) return e.stdout
    throw new Error(`macielake ${args.join(' ')}: ${e.stderr ?? e}`)
  }
}

// estate converts a simulated estate in two runs, and reports on it.
function estate() {
  macielake(['gen', 'results', '--profile', 'history'])
  const truth = JSON.parse(fs.readFileSync(path.join(dir, 'results.truth.json'), 'utf8'))
  const sources = truth.sources ?? truth.Sources
  for (const until of [100, 1000]) {
    for (const s of sources) {
      const to = path.join(dir, 'delivered', s.path ?? s.Path)
      if ((s.day ?? s.Day) >= until || fs.existsSync(to)) continue
      fs.mkdirSync(path.dirname(to), { recursive: true })
      fs.linkSync(path.join(dir, 'results', s.path ?? s.Path), to)
    }
    macielake(['convert', 'delivered', '--out', 'lake', '-q'])
  }
  fs.writeFileSync(path.join(dir, 'macielake.yaml'), `
owners:
  - {owner: billing, bucket: "billing-*"}
  - {owner: data platform, bucket: "data-lake-*"}
  - {owner: people, bucket: "hr-*"}
  - {owner: archive, bucket: "nothing-*"}
accept:
  - {where: "bucket~'^shared' and type=NAME", reason: a directory of names that is public, owner: ann@example.com, expires: never}
`)
  macielake(['report', 'lake', '--since', '1', '--config', 'macielake.yaml', '-o', 'estate.html'])
}

// hostile reports on names that are made to do harm, or to mislead.
function hostile() {
  const names = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'-alert(1)-'", '</style><style>*{display:none}', '{{.P}}',
    'a\u202egpj.exe', 'x\u0000y\u001b[2J', '\u05e9\u05dc\u05d5\u05dd/\u0645\u0631\u062d\u0628\u0627', '\u{1F600}'.repeat(250), 'k/'.repeat(511) + 'é', 'javascript:alert(1)', ']]>-->']
  const first = (name, n) => Array.from(name).slice(0, n).join('')
  const lines = names.map((name, i) => JSON.stringify({
    id: `r${i}`, accountId: '111122223333', partition: 'aws', region: first(name, 40), type: 'x', createdAt: '2026-01-01T00:00:00Z',
    classificationDetails: { jobId: first(name, 60), originType: 'SENSITIVE_DATA_DISCOVERY_JOB', result: { status: { code: 'COMPLETE', reason: name },
      sensitiveData: [{ category: name, detections: [{ type: name, count: i + 1 }] }, { category: 'CREDENTIALS', detections: [{ type: 'AWS_CREDENTIALS', count: 1 }] }] } },
    resourcesAffected: { s3Bucket: { name: first(name, 63), publicAccess: { effectivePermission: 'PUBLIC' }, defaultServerSideEncryption: { encryptionType: 'NONE' } },
      s3Object: { key: name, lastModified: '2025-12-01T00:00:00Z', publicAccess: true } }
  }))
  fs.writeFileSync(path.join(dir, 'hostile.jsonl'), lines.join('\n') + '\n')
  macielake(['convert', 'hostile.jsonl', '--out', 'hostile', '-q'])
  fs.writeFileSync(path.join(dir, 'hostile.yaml'), JSON.stringify({
    owners: [{ owner: names[0], bucket: '*' }], accept: [{ where: 'type=AWS_CREDENTIALS', reason: names[1], owner: names[3], expires: 'never' }],
    names: { accounts: { 111122223333: names[1] } }
  }))
  macielake(['report', 'hostile', '--since', '0', '--config', 'hostile.yaml', '--title', names[3], '-o', 'hostile.html'])
}

function others() {
  fs.writeFileSync(path.join(dir, 'broken.jsonl'), '{"id":\n')
  macielake(['convert', 'broken.jsonl', '--out', 'broken', '-q'], [3])
  macielake(['report', 'broken', '-o', 'rejects.html'], [3])
  macielake(['plan', 'hostile.jsonl', '--out', 'empty', '-q'])
  macielake(['report', 'empty', '-o', 'empty.html'], [4])
  macielake(['report', 'lake', '--since', '1', '--no-keys', '-o', 'no-keys.html'])
  macielake(['report', 'lake', 'owners', '--since', '1', '--config', 'macielake.yaml', '--split-by', 'owner'])
}

let failures = 0
let checks = 0
function check(ok, what) {
  checks++
  if (!ok) {
    failures++
    console.error(`FAILED ${what}`)
  }
}

// The sections of a page, in their order.
const sections = ['What is exposed', 'What changed', 'Where the sensitive data lies', 'What was not analysed', 'How it developed', 'What is accepted', 'What these figures don’t cover']

async function look(browser, name) {
  const file = path.join(dir, name)
  const shot = path.join(dir, name.replace(/\//g, '-').replace(/\.html$/, ''))
  check(fs.statSync(file).size < 2_000_000, `${name} has ${fs.statSync(file).size} bytes`)
  for (const width of [1280, 390]) {
    for (const colorScheme of ['light', 'dark']) {
      const what = `${name}, ${width} wide, ${colorScheme}`
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, offline: true })
      const page = await context.newPage()
      const said = []
      page.on('console', (m) => said.push(m.text()))
      page.on('pageerror', (e) => said.push(String(e)))
      page.on('dialog', (d) => { said.push(`dialog: ${d.message()}`); d.dismiss() })
      page.on('request', (r) => { if (r.url() !== `file://${file}`) said.push(`request of ${r.url()}`) })
      await page.goto(`file://${file}`)
      const found = await page.evaluate(`${axe}; axe.run(document, {resultTypes: ['violations']})`)
      for (const v of found.violations) said.push(`axe: ${v.id}: ${v.help}: ${v.nodes[0].html.slice(0, 200)}`)
      check(said.length === 0, `${what}: ${said.join('; ')}`)
      const titles = await page.locator('h2').allTextContents()
      check(JSON.stringify(titles) === JSON.stringify(sections), `${what}: the sections are ${titles}`)
      const wide = await page.evaluate('document.documentElement.scrollWidth')
      check(wide <= width, `${what}: ${wide} wide`)
      check(await page.locator('script, iframe, img, a, form, link').count() === 0, `${what}: something that isn't text`)
      await page.screenshot({ path: `${shot}-${width}-${colorScheme}.png`, fullPage: true })
      if (width === 1280 && colorScheme === 'light') {
        const pdf = await page.pdf({ path: `${shot}.pdf`, format: 'A4', printBackground: true })
        check(pdf.length > 10_000, `${what}: a PDF of ${pdf.length} bytes`)
      }
      await context.close()
    }
  }
}

// figures compares the cards of the estate's page with what summarize says.
async function figures(browser) {
  const page = await browser.newPage()
  await page.goto(`file://${path.join(dir, 'estate.html')}`)
  const cards = {}
  for (const li of await page.locator('header ~ main > .cards li').all()) {
    cards[await li.locator('span').textContent()] = Number((await li.locator('b').textContent()).replace(/,/g, ''))
  }
  const totals = (where) => JSON.parse(macielake(['summarize', 'lake', '--json', '--config', 'macielake.yaml', ...where])).answer.totals
  const all = totals([])
  const want = {
    'public objects with sensitive data': totals(['--where', 'public=yes']).sensitive_objects,
    'unencrypted objects with sensitive data': totals(['--where', 'unencrypted=yes']).sensitive_objects,
    'objects with credentials': totals(['--where', 'category=CREDENTIALS']).sensitive_objects,
    'objects with sensitive data': all.sensitive_objects,
    'open findings': all.findings,
    'objects analysed': all.objects
  }
  check(JSON.stringify(cards) === JSON.stringify(want), `figures: the page has ${JSON.stringify(cards)}, summarize ${JSON.stringify(want)}`)
  await page.close()
}

estate()
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
if (picture) {
  const page = await browser.newPage({ viewport: { width: 1100, height: 1540 } })
  await page.goto(`file://${path.join(dir, 'estate.html')}`)
  await page.screenshot({ path: picture })
  console.log(`picture written to ${picture}`)
} else {
  hostile()
  others()
  await figures(browser)
  const pages = ['estate.html', 'no-keys.html', 'hostile.html', 'rejects.html', 'empty.html', ...fs.readdirSync(path.join(dir, 'owners')).map((f) => `owners/${f}`)]
  for (const name of pages) await look(browser, name)
  console.log(`${checks - failures} passed, ${failures} failed`)
}
await browser.close()
process.exit(failures ? 1 : 0)
