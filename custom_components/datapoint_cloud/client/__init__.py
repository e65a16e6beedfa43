"""The command-line client: the clouds' clients without Home Assistant.

It answers whether a problem lies with the cloud or with Home Assistant. Run the folder with Python, in a checkout or in
the configuration folder of a Home Assistant with its Python: `python custom_components/datapoint_cloud/client`.
"""
