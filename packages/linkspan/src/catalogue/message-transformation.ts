import type { CatalogueEntry } from './entry.ts'

/** The family *Message transformation*. */
export const messageTransformation: readonly CatalogueEntry[] = [
  {
    name: 'Content Enricher',
    is: 'call',
    elsewhere: {
      camel: ['enrich', 'pollEnrich', 'poll'],
      spring: ['ContentEnricher', 'enricher', 'header-enricher'],
      mule: ['target variable'],
      ibm: ['DatabaseRetrieve', 'HTTPRequest', 'FileRead', 'MQGet'],
      n8n: ['HTTP Request', 'Merge'],
    },
  },
  {
    name: 'Content Filter',
    says: 'Keeps of a message what is needed and leaves out the rest.',
    ours: 'the step `map`',
    with: ['map'],
    elsewhere: {
      camel: ['transform', 'removeHeaders'],
      spring: ['content filter', 'header-filter'],
      mule: ['Transform Message'],
      ibm: ['Compute', 'Mapping node'],
      n8n: ['Edit Fields'],
    },
  },
  {
    name: 'Claim Check',
    is: 'claimCheck',
    ours: '`claimSet`, `claimGet` and `claimGetAndRemove`; `claimPush` and `claimPop`',
    elsewhere: {
      camel: ['claimCheck'],
      spring: ['ClaimCheckInTransformer', 'ClaimCheckOutTransformer', 'claim-check-in', 'claim-check-out'],
      mule: ['Object Store'],
      ibm: ['global cache'],
      n8n: ['binary data'],
    },
  },
  {
    name: 'Normalizer',
    says: 'Brings messages that say the same in different formats into one common format.',
    ours: '`choice` with a `map` in each branch',
    with: ['choice', 'map'],
    elsewhere: {
      camel: ['normalizer of choice and transform'],
      spring: ['Router and Transformers'],
      mule: ['Choice and Transform Message'],
      ibm: ['ResetContentDescriptor', 'Route node and Mapping nodes'],
      n8n: ['Switch and Edit Fields'],
    },
  },
  {
    name: 'Sort',
    is: 'sort',
    elsewhere: {
      camel: ['sort'],
      spring: [],
      mule: ['orderBy'],
      ibm: [],
      n8n: ['Sort'],
    },
  },
  {
    name: 'Script',
    says: 'Runs code of yours beside the message, which goes on unchanged.',
    ours: 'an operation of your own in `to`, or a function in any pure step',
    with: ['to'],
    elsewhere: {
      camel: ['script'],
      spring: ['script', 'groovy'],
      mule: ['Execute (Scripting module)'],
      ibm: ['JavaCompute', '.NETCompute'],
      n8n: ['Code'],
    },
  },
  {
    name: 'Validate',
    is: 'validate',
    elsewhere: {
      camel: ['validate', 'validator', 'json-validator'],
      spring: ['XmlValidatingMessageSelector', 'filter with throw-exception-on-rejection'],
      mule: ['Validation module', 'Validate schema'],
      ibm: ['Validate node'],
      n8n: [],
    },
  },
]
