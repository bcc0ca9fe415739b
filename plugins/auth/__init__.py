"""(plugin)"""
