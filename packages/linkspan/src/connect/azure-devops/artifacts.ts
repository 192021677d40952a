import type { Build, PullRequest, Repository } from './shapes.ts'
import type { NewLink } from './work-item-changes.ts'

/** The link of a work item with a pull request. */
export function pullRequestLink({
  repository,
  pullRequestId,
}: Pick<PullRequest, 'repository' | 'pullRequestId'>): NewLink {
  return gitLink('PullRequestId', repository, pullRequestId, 'Pull Request')
}

/** The link of a work item with a commit. */
export function commitLink(repository: Pick<Repository, 'id' | 'project'>, commitId: string): NewLink {
  return gitLink('Commit', repository, commitId, 'Fixed in Commit')
}

/** The link of a work item with a branch, as `refs/heads/topic`. */
export function branchLink(repository: Pick<Repository, 'id' | 'project'>, refName: string): NewLink {
  return gitLink('Ref', repository, `GB${refName.replace(/^refs\/heads\//, '')}`, 'Branch')
}

function gitLink(
  kind: string,
  { id, project }: Pick<Repository, 'id' | 'project'>,
  name: string | number,
  title: string,
): NewLink {
  const artifact = `${project.id}%2F${id}%2F${encodeURIComponent(name)}`
  return { rel: 'ArtifactLink', url: `vstfs:///Git/${kind}/${artifact}`, name: title }
}

/** The link of a work item with a build: the one it was found in, the one that has it, or just a build. */
export function buildLink(
  { id }: Pick<Build, 'id'>,
  name: 'Build' | 'Found in build' | 'Integrated in build' = 'Build',
): NewLink {
  return { rel: 'ArtifactLink', url: `vstfs:///Build/Build/${id}`, name }
}

/** The ids of work items that a text mentions: `#12`, `AB#12`. */
export function mentionedWorkItems(text: string | null | undefined): readonly number[] {
  const ids = [...(text ?? '').matchAll(/(?<![\w&])(?:AB)?#(\d{1,9})\b/g)].map(([, id]) => Number(id))
  return [...new Set(ids)]
}
