import { exponential, flow, retry, route } from 'linkspan'
import {
  type Build,
  buildLink,
  eventId,
  type Timeline,
  type TimelineRecord,
  wiqlText,
} from 'linkspan/azure-devops'
import { azure, hook, movedBuilds } from '../systems.ts'

/** Hears of builds that have ended. */
export const hearOfBuilds = flow('hear of builds', { summary: 'Hears which builds have ended.' })
  .from(route.post('/hooks/builds', hook('build.complete')), {
    dedupe: eventId,
    key: ({ resource }) => lineOf(resource),
    index: { build: ({ resource }) => resource.id },
  })
  .publish('ended', movedBuilds, {
    body: ({ resource }) => ({ buildId: resource.id, of: lineOf(resource) }),
  })

/** The builds of one pipeline on one branch follow each other. */
export function lineOf({ definition, sourceBranch }: Pick<Build, 'definition' | 'sourceBranch'>): string {
  return `${definition.id} ${sourceBranch}`
}

/** The tag by which the bug of a pipeline and branch is found again. */
function tagOf({ definition, sourceBranch }: Build): string {
  return `broken build ${definition.id} ${sourceBranch.replace(/^refs\/(?:heads\/)?/, '').replaceAll(/[,;]/g, '-')}`
}

/** The step that failed first. */
export function failingStep({ records }: Timeline): TimelineRecord | null {
  const failed = records.filter(({ result, type }) => result === 'failed' && type === 'Task')
  return failed.sort((a, b) => (a.order ?? 0) - (b.order ?? 0))[0] ?? null
}

const LINES = 40

function excerpt(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-LINES)
  const text = lines.join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<pre>${text}</pre>`
}

/**
 * E2. A pipeline that fails on a branch has one bug, found by its tag: it is made, opened again or commented with the log of the step that
 * failed, and resolved by the next build that succeeds. Whatever build is told of, the latest one counts, and each counts once.
 */
export const keepBugs = flow('keep bugs', {
  summary: 'Files, reopens and resolves the bug of a pipeline on a branch.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(movedBuilds, { key: ({ of }) => of, index: { build: ({ buildId }) => buildId } })
  .call('told of', azure.builds.get, { input: ({ buildId }) => ({ buildId }), as: 'told' })
  .call('latest', azure.builds.list, {
    input: (_body, { told }) => ({
      definitions: [told.definition.id],
      branch: told.sourceBranch,
      status: 'completed' as const,
      order: 'finishTimeDescending' as const,
      top: 1,
    }),
    as: 'latest',
  })
  .map('build', (_body, { told, latest }) => latest.builds[0] ?? told)
  .filter('has ended', ({ status }) => status === 'completed')
  .dedupe('once', { by: ({ id }) => String(id), remember: 'done', for: '365d' })
  .call('bug', azure.workItems.query, {
    input: (build) => ({
      wiql: `SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.WorkItemType] = 'Bug' AND [System.Tags] CONTAINS ${wiqlText(tagOf(build))} ORDER BY [System.Id] DESC`,
      top: 1,
    }),
    as: 'found',
  })
  .call('bug as it is', azure.workItems.getMany, {
    input: (_build, { found }) => ({ ids: found.map(({ id }) => id), fields: ['System.State'] }),
    as: 'bugs',
  })
  .choice('result', (c) =>
    c
      .when(
        'failed',
        ({ result }) => result === 'failed',
        (failed) =>
          failed
            .call('timeline', azure.builds.timeline, { input: ({ id }) => ({ buildId: id }), as: 'timeline' })
            .choice('step', (s) =>
              s
                .when(
                  'with a log',
                  (_build, { timeline }) => (failingStep(timeline)?.log ?? null) !== null,
                  (step) =>
                    step
                      .call('log', azure.builds.log, {
                        input: ({ id }, { timeline }) => ({
                          buildId: id,
                          logId: failingStep(timeline)?.log?.id ?? 0,
                        }),
                        as: 'log',
                      })
                      .map('what failed', (build, { timeline, log, bugs }) => ({
                        build,
                        bug: bugs[0] ?? null,
                        step: failingStep(timeline)?.name ?? '',
                        log: excerpt(log),
                      })),
                )
                .otherwise((step) =>
                  step.map('no log', (build, { bugs }) => ({
                    build,
                    bug: bugs[0] ?? null,
                    step: '',
                    log: '',
                  })),
                ),
            )
            .choice('bug', (b) =>
              b
                .when(
                  'none',
                  ({ bug }) => bug === null,
                  (none) =>
                    none.to('file', azure.workItems.create, {
                      input: ({ build, step, log }) => ({
                        type: 'Bug',
                        fields: {
                          'System.Title': `${build.definition.name} is broken on ${build.sourceBranch.replace(/^refs\/(?:heads\/)?/, '')}`,
                          'Microsoft.VSTS.TCM.ReproSteps': `<p>Build ${build.buildNumber} failed${step === '' ? '' : ` in "${step}"`}.</p>${log}`,
                          'System.Tags': tagOf(build),
                        },
                        links: [buildLink(build, 'Found in build')],
                      }),
                    }),
                )
                .otherwise((known) =>
                  known
                    .to('reopen', azure.workItems.update, {
                      input: ({ bug }) => ({ id: bug?.id ?? 0, fields: { 'System.State': 'Active' } }),
                    })
                    .to('link', azure.workItems.link, {
                      input: ({ build, bug }) => ({
                        id: bug?.id ?? 0,
                        ...buildLink(build, 'Found in build'),
                      }),
                    })
                    .to('tell', azure.workItems.comment, {
                      input: ({ build, bug, step, log }) => ({
                        id: bug?.id ?? 0,
                        text: `<p>Build ${build.buildNumber} failed too${step === '' ? '' : ` in "${step}"`}.</p>${log}`,
                      }),
                    }),
                ),
            ),
      )
      .when(
        'succeeded',
        ({ result }, { bugs }) =>
          result === 'succeeded' && ['New', 'Active'].includes(bugs[0]?.fields['System.State'] ?? ''),
        (fixed) =>
          fixed
            .to('resolve', azure.workItems.update, {
              input: (build, { bugs }) => ({
                id: bugs[0]?.id ?? 0,
                fields: {
                  'System.State': 'Resolved',
                  'Microsoft.VSTS.Build.IntegrationBuild': build.buildNumber,
                },
              }),
            })
            .to('link', azure.workItems.link, {
              input: (build, { bugs }) => ({
                id: bugs[0]?.id ?? 0,
                ...buildLink(build, 'Integrated in build'),
              }),
            }),
      ),
  )
