// Triggers: Relay calls the Zap when something happens. Most are declarative; `invoice_paid` shows
// the same as functions.
const list = {
  key: 'list_id',
  label: 'List',
  dynamic: 'list.id.title',
  helpText: 'Only items of this list; without it those of every list.',
};

const subscribe = (event) => ({
  method: 'POST',
  url: '{{bundle.authData.url}}/api/v1/hooks',
  body: { target_url: '{{bundle.targetUrl}}', event, list_id: '{{bundle.inputData.list_id}}' },
});
const unsubscribe = {
  method: 'DELETE',
  url: '{{bundle.authData.url}}/api/v1/hooks/{{bundle.subscribeData.id}}',
};
const samples = (event) => ({
  url: '{{bundle.authData.url}}/api/v1/hooks/samples',
  params: { event, list_id: '{{bundle.inputData.list_id}}' },
});
// One object a delivery, flat, with an `id` of its own.
const perform = (z, bundle) => [bundle.cleanedRequest];

const trigger = (key, noun, event, label, description, inputFields = []) => ({
  key,
  noun,
  display: { label, description },
  operation: {
    type: 'hook',
    inputFields,
    performSubscribe: subscribe(event),
    performUnsubscribe: unsubscribe,
    performList: samples(event),
    perform,
    sample: { id: '6ac2f40c6ab2f1e5d4b09f11-8812' },
  },
});

const invoicePaid = trigger('invoice_paid', 'Invoice', 'invoice.paid', 'Invoice Paid',
  'Triggers when a client has paid an invoice.');
Object.assign(invoicePaid.operation, {
  performSubscribe: async (z, bundle) => {
    const response = await z.request({
      method: 'POST',
      url: `${bundle.authData.url}/api/v1/hooks`,
      body: { target_url: bundle.targetUrl, event: 'invoice.paid' },
    });
    return response.data;
  },
  performUnsubscribe: async (z, bundle) => {
    const response = await z.request({
      method: 'DELETE',
      url: `${bundle.authData.url}/api/v1/hooks/${bundle.subscribeData.id}`,
    });
    return response.data;
  },
  performList: async (z, bundle) => {
    const response = await z.request({
      url: `${bundle.authData.url}/api/v1/hooks/samples`,
      params: { event: 'invoice.paid' },
    });
    return response.data;
  },
});

module.exports = {
  item_updated: trigger('item_updated', 'List Item', 'list_item.updated', 'List Item Updated',
    'Triggers when fields of a list item change.', [list]),
  item_created: trigger('item_created', 'List Item', 'list_item.created', 'New List Item',
    'Triggers when an item is put on a list.', [list]),
  stage_changed: trigger('stage_changed', 'Deal', 'deal.stage_changed', 'Deal Stage Changed',
    'Triggers when a deal goes from one stage to another.'),
  contact_created: trigger('contact_created', 'Contact', 'contact.created', 'New Contact',
    'Triggers when a contact is new.'),
  invoice_paid: invoicePaid,
};
